// Five kinds of work, singly and in batches, and the batch size that pays best.
#include <algorithm>

#include "bench/suites/criteria.h"
#include "bench/suites/generation.h"
#include "bench/suites/prompts.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"
#include "bench/support/program.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

constexpr int64_t kQuickAnswer = 6;

int64_t answer_tokens(const SuiteOptions& o, const PromptCategory& category) {
  return o.generated(category.answer_tokens, kQuickAnswer);
}
int64_t runs_of(const SuiteOptions& o) { return o.quick ? 1 : std::min<int64_t>(o.runs, 3); }
bool is_batched(const PromptCategory& category) {
  return category.name == "short_generation" || category.name == "code_generation";
}

/// A batch size of one category.
struct BatchPoint {
  int64_t batch = 0;
  double tokens_per_second = 0, first_token_ns = 0, token_ns = 0;
};

struct Work {
  SuiteContext& context;
  SuiteResult result = {};
  OrderedJson records = OrderedJson::array(), batches = OrderedJson::object();
  std::vector<double> single = {}, first_token = {};  // of all categories
  std::vector<Criterion> gains = {};
  int64_t asked = 0, failures = 0;  // single answers and batches
  std::vector<int32_t> ids = {};
};

/// The fields that the guides ask of every record.
OrderedJson record(Work& work, std::string test_name, int64_t batch, int64_t sequence_length) {
  const int64_t memory = peak_rss_bytes();
  return {{"model_name", model_name(work.context.options().model.model)},
          {"test_name", std::move(test_name)},
          {"tokens_per_second", nullptr},
          {"first_token_latency_ms", nullptr},
          {"total_time_seconds", nullptr},
          {"memory_usage_gb", number_or_null(double(memory) / 1e9, memory > 0)},
          {"power_consumption_w", nullptr},
          {"error_rate", 0},
          {"batch_size", batch},
          {"sequence_length", sequence_length},
          {"timestamp", utc_now()}};
}

void fill(OrderedJson& record, double tokens_per_second, double first_token_ns, double total_ns) {
  record["tokens_per_second"] = tokens_per_second;
  record["first_token_latency_ms"] = first_token_ns / 1e6;
  record["total_time_seconds"] = total_ns / 1e9;
}

using Prompts = std::vector<std::vector<int32_t>>;

void run_single(Work& work, const PromptCategory& category, const Prompts& prompts) {
  const SuiteOptions& o = work.context.options();
  const int64_t n_new = answer_tokens(o, category);
  GenerationSession session(work.context, 1, room_for(prompts, n_new));
  if (o.warmup) session.generate(prompts.front(), std::min<int64_t>(n_new, 8));
  std::vector<double> speeds, first;
  for (size_t i = 0; i < prompts.size(); ++i)
    for (int64_t run = 0; run < runs_of(o); ++run) {
      const Generation g = session.generate(prompts[i], n_new);
      if (g.interrupted) break;
      ++work.asked, work.failures += int64_t(g.ids.size()) == n_new ? 0 : 1;
      speeds.push_back(g.tokens_per_second()), first.push_back(g.first_token_ns);
      if (run == 0) work.ids.insert(work.ids.end(), g.ids.begin(), g.ids.end());
      OrderedJson row = record(work, fmt::format("{}/{}", category.name, category.prompts[i].name),
                               1, g.prompt_tokens + int64_t(g.ids.size()));
      fill(row, g.tokens_per_second(), g.first_token_ns, g.total_ns);
      work.records.push_back(std::move(row));
    }
  work.single.insert(work.single.end(), speeds.begin(), speeds.end());
  work.first_token.insert(work.first_token.end(), first.begin(), first.end());
  const std::string name(category.name);
  work.result.figures.push_back(measured(name + "_tokens_per_second", "tokens/s", speeds));
  work.result.figures.push_back(measured(name + "_first_token_latency", "ns", first));
}

/// The sequences of a batch take the prompts in turn.
std::optional<BatchPoint> run_batch(Work& work, const PromptCategory& category,
                                    const Prompts& prompts, int64_t batch) {
  const SuiteOptions& o = work.context.options();
  const int64_t n_new = answer_tokens(o, category);
  Prompts of_batch;
  for (int64_t i = 0; i < batch; ++i) of_batch.push_back(prompts[size_t(i) % prompts.size()]);
  GenerationSession session(work.context, batch, room_for(prompts, n_new));
  std::vector<double> speeds, first, steps;
  for (int64_t run = 0; run < runs_of(o) && !interrupted(); ++run) {
    const BatchGeneration g = session.generate_batch(of_batch, n_new);
    if (g.interrupted) break;
    ++work.asked, work.failures += int64_t(g.ids.size()) == batch * n_new ? 0 : 1;
    speeds.push_back(g.tokens_per_second());
    first.push_back(*std::max_element(g.first_token_ns.begin(), g.first_token_ns.end()));
    steps.push_back((g.total_ns - g.prefill_ns) / double(std::max<int64_t>(1, n_new - 1)));
    OrderedJson row = record(work, std::string(category.name) + "/batch", batch,
                             (g.prompt_tokens + int64_t(g.ids.size())) / batch);
    fill(row, g.tokens_per_second(), first.back(), g.total_ns);
    work.records.push_back(std::move(row));
  }
  work.result.figures.push_back(measured(
      fmt::format("{}_batch_{}_tokens_per_second", category.name, batch), "tokens/s", speeds));
  if (speeds.empty()) return std::nullopt;
  return BatchPoint{batch, median(speeds), median(first), median(steps)};
}

/// The batch of the most tokens a second, and the smallest that gives nine tenths of it.
OrderedJson choose(const std::vector<BatchPoint>& points) {
  OrderedJson rows = OrderedJson::array();
  const BatchPoint* best = &points.front();
  for (const BatchPoint& p : points) {
    if (p.tokens_per_second > best->tokens_per_second) best = &p;
    rows.push_back({{"batch", p.batch},
                    {"tokens_per_second", p.tokens_per_second},
                    {"last_first_token_ns", p.first_token_ns},
                    {"token_ns", p.token_ns}});
  }
  const BatchPoint* balanced = best;
  for (const BatchPoint& p : points)
    if (p.batch < balanced->batch && p.tokens_per_second >= 0.9 * best->tokens_per_second)
      balanced = &p;
  return {{"optimal_batch", best->batch},
          {"best_tokens_per_second", best->tokens_per_second},
          {"smallest_batch_of_nine_tenths", balanced->batch},
          {"points", rows}};
}

void run_category(Work& work, const PromptCategory& category) {
  Prompts prompts;
  for (const Prompt& prompt : category.prompts)
    prompts.push_back(prompt_ids(work.context, prompt.text));
  work.context.progress().show(fmt::format("prompt_categories: {}", category.name));
  run_single(work, category, prompts);
  if (!is_batched(category)) return;
  std::vector<BatchPoint> points;
  for (const int64_t batch : work.context.options().batches) {
    if (interrupted()) break;
    try {
      work.context.progress().show(fmt::format("{}: batch {}", category.name, batch));
      if (const auto point = run_batch(work, category, prompts, batch)) points.push_back(*point);
    } catch (const UsageError&) {
      throw;
    } catch (const Error& error) {  // too large a batch is a finding, not the end of the suite
      ++work.asked, ++work.failures;
      OrderedJson row = record(work, std::string(category.name) + "/batch", batch, 0);
      row["error_rate"] = 1, row["error"] = error.what();
      work.records.push_back(std::move(row));
    }
  }
  std::vector<BatchSpeed> speeds;
  for (const BatchPoint& p : points) speeds.push_back({p.batch, p.tokens_per_second});
  work.gains.push_back(
      judge_batch_gain(std::string(category.name) + "_batching_gain", Bound::kAtLeast, speeds));
  if (points.empty()) return;
  OrderedJson chosen = choose(points);
  work.result.figures.push_back(measured(std::string(category.name) + "_optimal_batch", "sequences",
                                         {chosen["optimal_batch"].get<double>()}));
  work.batches[std::string(category.name)] = std::move(chosen);
}

SuiteResult run(SuiteContext& context) {
  Work work{context};
  for (const PromptCategory& category : prompt_categories()) {
    if (interrupted()) break;
    run_category(work, category);
  }
  SuiteResult& result = work.result;
  result.interrupted = interrupted();
  result.figures.push_back(measured("single_tokens_per_second", "tokens/s", work.single));
  result.figures.push_back(measured("single_first_token_latency", "ns", work.first_token));
  result.criteria.push_back(judge_all("all_categories", "every prompt and batch without error",
                                      work.asked - work.failures, work.asked, result.interrupted));
  for (Criterion& gain : work.gains) result.criteria.push_back(std::move(gain));
  result.details = {{"prompts", prompt_source(context)},
                    {"output_hash", output_hash(work.ids)},
                    {"batches", work.batches},
                    {"records", work.records}};
  return std::move(work.result);
}

SuiteCost cost(const SuiteOptions& o, const ModelConfig&) {
  SuiteCost cost;
  for (const PromptCategory& category : prompt_categories()) {
    int64_t tokens = 0, longest = 0;
    const int64_t n_new = answer_tokens(o, category);
    for (const Prompt& p : category.prompts) {
      tokens += stated_tokens(p.text);
      longest = std::max(longest, stated_tokens(p.text));
    }
    const int64_t n = int64_t(category.prompts.size());
    cost.prefill_tokens += runs_of(o) * tokens, cost.decode_steps += runs_of(o) * n * n_new;
    cost.capacity = std::max(cost.capacity, longest + n_new);
    if (!is_batched(category)) continue;
    for (const int64_t batch : o.batches) {
      cost.prefill_tokens += runs_of(o) * tokens * batch / n;
      cost.decode_steps += runs_of(o) * n_new;
      cost.n_seq = std::max(cost.n_seq, batch);
    }
  }
  return cost;
}

}  // namespace

Criterion judge_batch_gain(std::string name, Bound bound, const std::vector<BatchSpeed>& speeds) {
  double single = 0;
  BatchSpeed best;
  for (const BatchSpeed& s : speeds) {
    if (s.batch == 1) single = s.tokens_per_second;
    if (s.batch > 1 && s.tokens_per_second > best.tokens_per_second) best = s;
  }
  CriterionArgs args{std::move(name), bound, 1, "1 x the speed of one sequence", std::nullopt};
  if (single <= 0)
    args.note = "batch 1 was not measured: give -b 1,...";
  else if (best.batch == 0)
    args.note = "no batch above 1 was measured: give -b 1,4,...";
  else
    args.value = best.tokens_per_second / single,
    args.note = fmt::format("most tokens a second of several at batch {}", best.batch);
  return judge(std::move(args));
}

Suite prompt_categories_suite() {
  return {
      "prompt_categories",
      "comprehensive,scalability,scenario",
      "short, medium, long, code and extraction prompts, singly and in batches; optimal batch",
      "Three prompts of each category are answered singly with the time to the first token, up to "
      "three times; short and code prompts also in batches (-b, 1, 4, 8 and 16). The optimal batch "
      "has the most tokens a second; beside it stands the smallest one with nine tenths of that. "
      "Greedy, end-of-text ignored. Passes when all run and the best batch of several sequences is "
      "no slower than batch 1; a batch that does not fit is recorded with its error.",
      run,
      cost};
}

}  // namespace qwench::bench
