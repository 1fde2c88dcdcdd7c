// A suite that fails does not take the others with it, and what is finished is on disk before the next one
// starts.
#include "bench/suites/suites_command.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "bench/machine/host.h"
#include "bench/model/default_model.h"
#include "bench/model/identity.h"
#include "bench/suites/journal.h"
#include "bench/suites/plan.h"
#include "bench/suites/registry.h"
#include "bench/suites/report.h"
#include "bench/suites/result_files.h"
#include "bench/support/exit_code.h"
#include "bench/support/file_hash.h"
#include "bench/support/interrupt.h"
#include "bench/support/output_file.h"
#include "bench/support/program.h"
#include "bench/support/table.h"
#include "bench/tasks/prompt_task.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

// Of no particular machine: only ratios of suites count where time left is told.
constexpr double kUsualBandwidth = 20e9, kUsualPeak = 200e9;

bool is_json_file(const std::string& output) {
  return output.size() > 5 && output.compare(output.size() - 5, 5, ".json") == 0;
}

/// What a result depends on besides the machine.
OrderedJson model_config(const SuitesOptions& o, SuiteContext& context) {
  const SuiteOptions& s = o.suite;
  const ModelConfig& config = context.checkpoint().config();
  return {{"version", version_text()},
          {"model", model_name(s.model.model)},
          {"model_path", without_home(s.model.model)},
          {"model_type", config.model_type},
          {"parameters", config.parameters()},
          {"dtype", name_of(weight_dtype(s.model, config))},
          {"kv_dtype", kv_name(s.model, config)},
          {"backend", s.model.backend},
          {"kernels", s.model.kernels},
          {"kernel_policy", read_policy(s.model).to_string()},
          {"isa", isa_option()},
          {"threads", context.threads()},
          {"prefill_chunk", s.model.prefill_chunk},
          {"ctx", s.model.capacity},
          {"seed", s.model.seed},
          {"mmap", s.model.mmap},
          {"check_finite", s.model.check_finite},
          {"runs", s.runs},
          {"warmup", s.warmup},
          {"max_tokens", s.max_tokens},
          {"batch", s.batches},
          {"prompts_file", without_home(s.prompts_file)},
          {"duration", s.seconds},
          {"quick", s.quick}};
}

std::string hash_of(const OrderedJson& config) {
  return text_hash(config.dump(-1, ' ', true, OrderedJson::error_handler_t::replace));
}

/// One command's suites in progress.
class SuiteRun {
 public:
  SuiteRun(const SuitesOptions& options, SuiteContext& context, std::vector<const Suite*> suites,
           OrderedJson config)
      : options_(options),
        context_(context),
        suites_(std::move(suites)),
        config_(std::move(config)) {
    const std::string hash = hash_of(config_);
    config_["config_hash"] = hash;
    config_["benchmark_type"] = options.type.empty() ? "all" : options.type;
    config_["suites"] = OrderedJson::array();
    for (const Suite* suite : suites_) config_["suites"].push_back(suite->name);
    const bool folder = !options.output.empty() && !is_json_file(options.output);
    if (options.resume && !folder)
      fail_usage("--resume: expected --output FOLDER, whose suites.jsonl holds what is finished");
    if (folder) open_folder(hash);
  }

  OrderedJson run() {
    const InterruptGuard guard;
    const double bytes = double(planned_weight_bytes(options_.suite.model, context_.checkpoint()));
    const std::vector<PlannedSuite> plan = plan_suites(
        suites_, context_,
        estimate_rates(context_.checkpoint().config(), bytes, kUsualBandwidth, kUsualPeak));
    for (size_t i = 0; i < plan.size() && !interrupted_; ++i) {
      if (journal_)
        if (const OrderedJson* before = journal_->find(std::string(plan[i].suite->name))) {
          note(fmt::format("[{}/{}] {}: finished before", i + 1, plan.size(), plan[i].suite->name));
          results_.push_back(*before);
          continue;
        }
      run_one(plan, i);
    }
    return suites_document(config_, results_, interrupted_);
  }

 private:
  void open_folder(const std::string& hash) {
    make_folder(options_.output);
    journal_.emplace(options_.output + "/suites.jsonl", hash, options_.resume);
  }

  /// ", about 40 s left", from the suites so far; "" before the first.
  std::string time_left(const std::vector<PlannedSuite>& plan, size_t next) const {
    double left = 0;
    for (size_t i = next; i < plan.size(); ++i) left += plan[i].seconds.value_or(1);
    if (expected_ <= 0) return {};
    return fmt::format(", about {:.0f} s left", left * spent_ / expected_);
  }

  void run_one(const std::vector<PlannedSuite>& plan, size_t i) {
    const Suite& suite = *plan[i].suite;
    note(fmt::format("[{}/{}] {}{}", i + 1, plan.size(), suite.name, time_left(plan, i)));
    const int64_t start = now_ns();
    const auto seconds = [start] { return double(now_ns() - start) * 1e-9; };
    OrderedJson json;
    try {
      const SuiteResult result = suite.run(context_);
      json = suite_json(suite, result, seconds());
      interrupted_ = result.interrupted || interrupted();
    } catch (const std::bad_alloc&) {
      json = failed_suite_json(suite, "memory: the system refused an allocation", seconds());
    } catch (const Error& error) {
      json = failed_suite_json(suite, error.what(), seconds());
      interrupted_ = interrupted();
    }
    context_.progress().show("");
    if (json.at("error").is_string())
      note(fmt::format("{}: {}", suite.name, json.at("error").get<std::string>()));
    else if (journal_ && !interrupted_)
      journal_->append(json);
    spent_ += seconds(), expected_ += plan[i].seconds.value_or(1);
    results_.push_back(std::move(json));
  }

  const SuitesOptions& options_;
  SuiteContext& context_;
  std::vector<const Suite*> suites_;
  OrderedJson config_;
  std::optional<Journal> journal_;
  OrderedJson results_ = OrderedJson::array();
  bool interrupted_ = false;
  double spent_ = 0, expected_ = 0;  // seconds of the suites so far: taken, and planned
};

int print_plan(const SuitesOptions& o, SuiteContext& context,
               const std::vector<const Suite*>& suites) {
  const Ceilings& roofline = context.roofline();
  const double peak = std::max(1.0, roofline.fp32_fma.per_second);
  const double bandwidth = std::max(1.0, roofline.dram_read.per_second);
  const double bytes = double(planned_weight_bytes(o.suite.model, context.checkpoint()));
  const OrderedJson plan =
      plan_json(plan_suites(suites, context,
                            estimate_rates(context.checkpoint().config(), bytes, bandwidth, peak)),
                available_memory_bytes());
  context.progress().show("");
  print(o.json ? to_text({{"schema_version", kSuitesSchemaVersion},
                          {"command", "suites"},
                          {"config", model_config(o, context)},
                          {"plan", plan}})
               : plan_text(plan));
  if (plan.at("fits").get<bool>()) return kExitOk;
  note(
      "--plan: not everything fits into memory: leave those suites out (--specific-tests), or "
      "choose "
      "--quick, a smaller -b, --dtype q4g or a smaller model");
  return kExitError;
}

void write_folder(const SuitesOptions& o, const OrderedJson& document) {
  for (const std::string& path : write_result_files(o.output, document)) note("written: " + path);
}

bool failed_accuracy(const OrderedJson& document) {
  for (const OrderedJson& suite : document.at("suites")) {
    const OrderedJson& types = suite.at("types");
    const bool accuracy = std::find(types.begin(), types.end(), "accuracy") != types.end();
    if (accuracy && count_outcomes(OrderedJson::array({suite})).fail > 0) return true;
  }
  return false;
}

int exit_code(const SuitesOptions& o, const OrderedJson& document) {
  const OutcomeCounts counts = count_outcomes(document.at("suites"));
  if (document.at("interrupted").get<bool>()) return kExitInterrupted;
  if (counts.errors > 0) return kExitError;
  if (failed_accuracy(document)) return kExitInaccurate;
  return o.strict && counts.fail > 0 ? kExitError : kExitOk;
}

/// Everything that can be wrong with the options, before anything is loaded or measured.
void check_options(const SuitesOptions& o, SuiteContext& context) {
  context.checkpoint();
  make_backend(o.suite.model, context.threads())->check_policy();
  if (is_json_file(o.output)) check_output(o.output);
  if (!o.suite.prompts_file.empty()) read_prompts(o.suite.prompts_file, 0);
}

}  // namespace

int run_suites(SuitesOptions o) {
  const std::vector<const Suite*> suites = select_suites(o);
  use_default_model(o.suite.model);
  SuiteContext context(o.suite);
  check_options(o, context);
  if (o.plan) return print_plan(o, context, suites);
  OrderedJson config = model_config(o, context);
  config.update(identity_json(o.suite.model, context.checkpoint()));
  SuiteRun run(o, context, suites, std::move(config));
  const OrderedJson document = run.run();
  const std::string json = to_text(document);
  deliver(o.json  ? json
          : o.csv ? suites_csv(document)
                  : suites_text(document),
          is_json_file(o.output) ? o.output : "", json);
  if (!o.output.empty() && !is_json_file(o.output)) write_folder(o, document);
  return exit_code(o, document);
}

}  // namespace qwench::bench
