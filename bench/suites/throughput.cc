// Samples and tokens a second over five prompts: the headline figure of a model on a machine.
#include <algorithm>

#include "bench/suites/criteria.h"
#include "bench/suites/generation.h"
#include "bench/suites/prompts.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

constexpr int64_t kAnswer = 50, kQuickAnswer = 8;

struct Samples {
  ThroughputMeasured judged;
  std::vector<double> tokens_per_second, prompt_tokens_per_second, seconds;
  int64_t prompt_tokens = 0, generated = 0;
  std::vector<int32_t> ids;  // of the first run
};

/// All prompts once; what an interrupted pass holds is not counted as a rate.
void run_pass(SuiteContext& context, GenerationSession& session,
              const std::vector<std::vector<int32_t>>& prompts, int64_t n_new, Samples& to) {
  double total_ns = 0, first_ns = 0;
  int64_t generated = 0, prompt_tokens = 0;
  for (const std::vector<int32_t>& prompt : prompts) {
    const Generation g = session.generate(prompt, n_new);
    if (g.interrupted) return;
    total_ns += g.total_ns, first_ns += g.first_token_ns;
    generated += int64_t(g.ids.size()), prompt_tokens += g.prompt_tokens;
    to.judged.sample_ns.push_back(g.total_ns);
    to.judged.answered += int64_t(g.ids.size()) == n_new ? 1 : 0;
    if (to.seconds.empty()) to.ids.insert(to.ids.end(), g.ids.begin(), g.ids.end());
    if (const size_t done = to.judged.sample_ns.size(); done % 10 == 0)
      context.progress().show(fmt::format("throughput: processed {} samples", done));
  }
  const double seconds = total_ns * 1e-9;
  to.seconds.push_back(seconds);
  to.judged.samples_per_second.push_back(double(prompts.size()) / seconds);
  to.tokens_per_second.push_back(double(generated) / seconds);
  to.prompt_tokens_per_second.push_back(double(prompt_tokens) / (first_ns * 1e-9));
  to.generated += generated, to.prompt_tokens += prompt_tokens;
}

SuiteResult run(SuiteContext& context) {
  const SuiteOptions& o = context.options();
  const int64_t n_new = o.generated(kAnswer, kQuickAnswer), runs = o.quick ? 2 : o.runs;
  std::vector<std::vector<int32_t>> prompts;
  for (const Prompt& prompt : throughput_prompts())
    prompts.push_back(prompt_ids(context, prompt.text));
  GenerationSession session(context, 1, room_for(prompts, n_new));
  for (int64_t i = 0; i < o.warmup && !interrupted(); ++i) session.generate(prompts[0], n_new);
  Samples samples;
  ThroughputMeasured& judged = samples.judged;
  judged.room_bytes = rss_bytes() + available_memory_bytes();
  judged.asked = runs * int64_t(prompts.size());
  judged.gpu = session.loaded().backend->name() != "cpu";
  for (int64_t i = 0; i < runs && !interrupted(); ++i)
    run_pass(context, session, prompts, n_new, samples);
  judged.peak_bytes = peak_rss_bytes(), judged.interrupted = interrupted();
  SuiteResult result;
  result.interrupted = judged.interrupted;
  result.figures = {
      measured("samples_per_second", "samples/s", judged.samples_per_second),
      measured("tokens_per_second", "tokens/s", samples.tokens_per_second),
      measured("prompt_tokens_per_second", "tokens/s", samples.prompt_tokens_per_second),
      measured("pass_time", "s", samples.seconds), measured("sample_time", "ns", judged.sample_ns)};
  result.criteria = judge_throughput(judged);
  double total = 0;
  for (const double s : samples.seconds) total += s;
  result.details = {{"prompts", prompt_source(context)},
                    {"total_samples", judged.sample_ns.size()},
                    {"total_seconds", total},
                    {"prompt_tokens", samples.prompt_tokens},
                    {"generated_tokens", samples.generated},
                    {"generated_per_sample", n_new},
                    {"output_hash", output_hash(samples.ids)}};
  return result;
}

SuiteCost cost(const SuiteOptions& o, const ModelConfig&) {
  int64_t prompt_tokens = 0;
  for (const Prompt& prompt : throughput_prompts()) prompt_tokens += stated_tokens(prompt.text);
  const int64_t passes = (o.quick ? 2 : o.runs), n_new = o.generated(kAnswer, kQuickAnswer);
  SuiteCost cost;
  cost.capacity = 64 + n_new;
  cost.prefill_tokens = passes * prompt_tokens;
  cost.decode_steps = passes * n_new * int64_t(throughput_prompts().size());
  return cost;
}

}  // namespace

std::vector<Criterion> judge_throughput(const ThroughputMeasured& m) {
  const double least = m.gpu ? 1 : 0.1;
  CriterionArgs memory{"peak_memory",
                       Bound::kBelow,
                       double(m.room_bytes),
                       "what the process held and the machine had free",
                       std::nullopt,
                       "",
                       "bytes"};
  if (m.peak_bytes > 0 && m.room_bytes > 0)
    memory.value = double(m.peak_bytes);
  else
    memory.note = "the memory of the process cannot be read here";
  return {
      judge_all("all_prompts", "every prompt answered with all its tokens", m.answered, m.asked,
                m.interrupted),
      judge({"samples_per_second", Bound::kAbove, least, fmt::format("{} samples/s", least),
             median_of(m.samples_per_second), "the guide gives 0.1 for a CPU, 1 for a GPU"}),
      judge({"sample_time_variation", Bound::kBelow, 1, "1 (std < mean)", variation(m.sample_ns)}),
      judge(std::move(memory))};
}

Suite throughput_suite() {
  return {
      "throughput",
      "comprehensive,system,automated",
      "samples and generated tokens a second over five named prompts",
      "Five prompts are answered one after another, greedily, each with the same number of tokens "
      "(end-of-text ignored), --runs times after --warmup untimed answers. Generated tokens count; "
      "prompt tokens are a figure of their own. Tokenising and loading are not timed. Passes when "
      "every prompt is answered with all its tokens, at more than 0.1 samples/s (GPU: 1), with a "
      "standard deviation below the mean, within the memory that was free when it began.",
      run,
      cost};
}

}  // namespace qwench::bench
