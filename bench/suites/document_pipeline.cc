// The guide's piles of documents, one at a time: a sample of each pile is worked through, the rest is
// extrapolated, and every figure says of how many it was made.
#include <algorithm>

#include "bench/machine/memory_levels.h"
#include "bench/machine/prediction.h"
#include "bench/model/greedy.h"
#include "bench/model/kv_choice.h"
#include "bench/suites/criteria.h"
#include "bench/suites/machine_suites.h"
#include "bench/suites/synthetic_corpus.h"
#include "bench/support/interrupt.h"

namespace qwench::bench {

namespace {

struct Task {
  const char* name;
  const char* instruction;
  int64_t items;            // of the whole pile
  int64_t words;            // of a document; 0: a function to be written
  int64_t generated;        // tokens
  double small_s, large_s;  // time for the pile: models up to 10 billion weights, larger ones
  double per_minute;
};

constexpr Task kTasks[] = {
    {"classification", "Name the subject of this report.\n", 1000, 60, 4, 120, 120, 1000},
    {"summarization", "Summarise this report.\n", 100, 400, 64, 300, 600, 200},
    {"extraction", "List the names, years and sums in this report.\n", 500, 120, 48, 1200, 1800,
     100},
    {"code_generation", "Complete this function.\n", 50, 0, 96, 600, 900, 50},
};
constexpr int64_t kLargeModel = 10'000'000'000;

std::string document_of(const Task& task, int64_t i) {
  const auto seed = uint64_t(i);
  return task.words ? synthetic_document(seed, task.words) : synthetic_function(seed);
}

class Pipeline {
 public:
  explicit Pipeline(SuiteContext& context)
      : context_(context), config_(context.checkpoint().config()) {}

  SuiteResult run() {
    std::unique_ptr<Tokenizer> tokenizer;
    if (!context_.checkpoint().is_random())
      tokenizer = open_tokenizer(context_.options().model.model);
    const TextIds ids(std::move(tokenizer), config_.vocab);
    limit_ =
        ids.tokenizer() ? std::min<int64_t>(ids.tokenizer()->size(), config_.vocab) : config_.vocab;
    found_.result.details["tokenizer"] = ids.name();
    found_.result.details["batch"] = 1;
    found_.result.details["tasks"] = OrderedJson::array();
    for (const Task& task : kTasks)
      if (!interrupted()) work_through(task, ids);
    found_.result.interrupted = interrupted();
    return std::move(found_.result);
  }

 private:
  bool quick() const { return context_.options().quick; }

  void work_through(const Task& task, const TextIds& ids) {
    const int64_t most = quick() ? 1 : std::min<int64_t>(task.items, 20);
    const int64_t asked = context_.options().max_tokens;
    const int64_t generated = asked ? asked : task.generated;
    std::vector<std::vector<int32_t>> prompts;
    int64_t longest = 1, prompt_tokens = 0;
    for (int64_t i = 0; i < most; ++i) {
      prompts.push_back(ids.encode(task.instruction + document_of(task, i)));
      longest = std::max(longest, int64_t(prompts.back().size()));
    }
    const int64_t capacity = longest + generated;
    LoadedModel& loaded = context_.model(1, capacity);
    Session session(loaded.model, session_options(context_.options().model, 1, capacity));
    const std::vector<double> ns = time_items(task, session, prompts, generated);
    for (size_t i = 0; i < ns.size(); ++i) prompt_tokens += int64_t(prompts[i].size());
    report(task, ns, generated, ns.empty() ? 0 : prompt_tokens / int64_t(ns.size()));
  }

  /// Nanoseconds of each item, for two seconds or one item at least.
  std::vector<double> time_items(const Task& task, Session& session,
                                 const std::vector<std::vector<int32_t>>& prompts,
                                 int64_t generated) {
    constexpr int64_t kEnoughNs = 2'000'000'000;
    std::vector<double> ns;
    const int64_t begin = now_ns();
    if (context_.options().warmup) one(session, prompts.front(), std::min<int64_t>(generated, 2));
    for (const std::vector<int32_t>& prompt : prompts) {
      if (interrupted() || (!ns.empty() && now_ns() - begin > kEnoughNs)) break;
      context_.progress().show(fmt::format("{} {}/{}", task.name, ns.size() + 1, prompts.size()));
      const int64_t start = now_ns();
      one(session, prompt, generated);
      ns.push_back(double(now_ns() - start));
    }
    return ns;
  }

  void one(Session& session, const std::vector<int32_t>& prompt, int64_t generated) {
    session.truncate(0, 0);
    session.prefill(0, prompt.data(), int64_t(prompt.size()));
    decode_greedily(session, generated, limit_);
  }

  void report(const Task& task, const std::vector<double>& ns, int64_t generated,
              int64_t prompt_tokens) {
    const std::string name = task.name;
    std::vector<double> per_minute, pile;
    for (double t : ns) per_minute.push_back(60e9 / t);
    if (!ns.empty()) pile.push_back(mean(ns) * double(task.items));
    found_.measured(name + "_item", "ns", ns);
    found_.measured(name + "_total", "ns", pile);
    found_.measured(name + "_per_minute", "items/min", per_minute);
    const bool large = config_.parameters() > kLargeModel;
    judge_pipeline(found_,
                   {task.name, task.items, large ? task.large_s : task.small_s, task.per_minute},
                   least_seconds(prompt_tokens, generated), int64_t(ns.size()));
    found_.result.details["tasks"].push_back({{"task", name},
                                              {"measured", ns.size()},
                                              {"of", task.items},
                                              {"extrapolated", int64_t(ns.size()) < task.items},
                                              {"prompt_tokens", prompt_tokens},
                                              {"generated_tokens", generated}});
  }

  /// Of one item, if the machine did nothing but read at its measured bandwidth and multiply at its
  /// measured peak; nothing where the weights stay in a cache, of which the roofline says nothing.
  std::optional<double> least_seconds(int64_t prompt_tokens, int64_t generated) {
    const ModelOptions& model = context_.options().model;
    const int64_t bytes = planned_weight_bytes(model, context_.checkpoint());
    if (level_of(bytes, threads_of(context_)) != "dram") return std::nullopt;
    const Ceilings& roofline = context_.roofline();
    const double peak =
        std::max({roofline.peak(InputPrecision::kInt8).per_second,
                  roofline.peak(InputPrecision::kBF16).per_second, roofline.fp32_fma.per_second});
    if (roofline.dram_read.per_second <= 0 || peak <= 0) return std::nullopt;
    const LoadOptions load = load_options(model);
    const TokenCost token = token_cost(context_.checkpoint(), load, kv_type(model), prompt_tokens);
    return double(token.flops * prompt_tokens) / peak +
           double(token.total() * generated) / roofline.dram_read.per_second;
  }

  SuiteContext& context_;
  const ModelConfig& config_;
  SuiteFindings found_;
  int64_t limit_ = 0;  // ids below may be generated
};

}  // namespace

void judge_pipeline(SuiteFindings& found, const PipelineTask& task, std::optional<double> least_s,
                    int64_t measured) {
  const std::string said = fmt::format("measured {} of {}, extrapolated", measured, task.items),
                    name = task.name;
  std::optional<double> least_ns, most_per_minute;
  if (least_s) least_ns = *least_s * double(task.items) * 1e9, most_per_minute = 60 / *least_s;
  found.at_most(name + "_total", fmt::format("< {:.0f} s for {}", task.limit_s, task.items),
                task.limit_s * 1e9, least_ns);
  found.note(said);
  found.at_least(name + "_per_minute", fmt::format("> {:.0f} a minute", task.per_minute),
                 task.per_minute, most_per_minute);
  found.note(said);
}

SuiteResult document_pipeline(SuiteContext& context) { return Pipeline(context).run(); }

}  // namespace qwench::bench
