// Samples and tokens a second over five prompts: the headline figure of a model on a machine.
#include <algorithm>

#include "bench/suites/generation.h"
#include "bench/suites/prompts.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"
#include "cpu/cpu_info.h"

namespace qwench::bench {

namespace {

constexpr int64_t kAnswer = 50, kQuickAnswer = 8;

struct Samples {
  std::vector<double> samples_per_second, tokens_per_second, prompt_tokens_per_second, seconds;
  std::vector<double> sample_ns;
  int64_t prompt_tokens = 0, generated = 0, done = 0;
  std::vector<int32_t> ids;  // of the first run
  bool interrupted = false;
};

/// All prompts once; what an interrupted pass holds is not counted as a rate.
void run_pass(SuiteContext& context, GenerationSession& session,
              const std::vector<std::vector<int32_t>>& prompts, int64_t n_new, Samples& to) {
  double total_ns = 0, first_ns = 0;
  int64_t generated = 0, prompt_tokens = 0;
  for (const std::vector<int32_t>& prompt : prompts) {
    const Generation g = session.generate(prompt, n_new);
    to.interrupted = g.interrupted;
    if (g.interrupted) return;
    total_ns += g.total_ns, first_ns += g.first_token_ns;
    generated += int64_t(g.ids.size()), prompt_tokens += g.prompt_tokens;
    to.sample_ns.push_back(g.total_ns);
    if (to.seconds.empty()) to.ids.insert(to.ids.end(), g.ids.begin(), g.ids.end());
    if (++to.done % 10 == 0)
      context.progress().show(fmt::format("throughput: processed {} samples", to.done));
  }
  const double seconds = total_ns * 1e-9;
  to.seconds.push_back(seconds);
  to.samples_per_second.push_back(double(prompts.size()) / seconds);
  to.tokens_per_second.push_back(double(generated) / seconds);
  to.prompt_tokens_per_second.push_back(double(prompt_tokens) / (first_ns * 1e-9));
  to.generated += generated, to.prompt_tokens += prompt_tokens;
}

void add_criteria(const Samples& samples, SuiteResult& to) {
  to.criteria.push_back(
      judge("all_prompts", "every prompt without error", samples.done > 0 && !samples.interrupted));
  const std::optional<double> rate = median_of(samples.samples_per_second);
  to.criteria.push_back(judge({"samples_per_second", Bound::kAbove, 0.1, "0.1 samples/s", rate,
                               "the guide's limit for a CPU; 1 for a GPU"}));
  to.criteria.push_back(judge(
      {"sample_time_variation", Bound::kBelow, 1, "1 (std < mean)", variation(samples.sample_ns)}));
  const int64_t peak = cpu::peak_rss_bytes();
  Criterion memory = judge({"peak_memory", Bound::kBelow, double(cpu::cpu_info().ram_bytes),
                            "the memory of the machine",
                            peak ? std::optional<double>(double(peak)) : std::nullopt});
  memory.unit = "bytes";
  if (!peak) memory.note = "the peak of the process cannot be read here";
  to.criteria.push_back(std::move(memory));
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
  for (int64_t i = 0; i < runs && !interrupted(); ++i)
    run_pass(context, session, prompts, n_new, samples);
  SuiteResult result;
  result.interrupted = interrupted();
  result.figures = {
      measured("samples_per_second", "samples/s", samples.samples_per_second),
      measured("tokens_per_second", "tokens/s", samples.tokens_per_second),
      measured("prompt_tokens_per_second", "tokens/s", samples.prompt_tokens_per_second),
      measured("pass_time", "s", samples.seconds),
      measured("sample_time", "ns", samples.sample_ns)};
  add_criteria(samples, result);
  double total = 0;
  for (const double s : samples.seconds) total += s;
  result.details = {{"prompts", prompt_source(context)},
                    {"total_samples", samples.done},
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

Suite throughput_suite() {
  return {
      "throughput",
      "comprehensive,system,automated",
      "samples and generated tokens a second over five named prompts",
      "Five prompts are answered one after another, greedily, each with the same number of tokens "
      "(end-of-text ignored), --runs times after --warmup untimed answers. Generated tokens count; "
      "prompt tokens are a figure of their own. Tokenising and loading are not timed. Passes when "
      "every prompt is answered, at more than 0.1 samples/s, with a standard deviation below the "
      "mean, within the machine's memory.",
      run,
      cost};
}

}  // namespace qwench::bench
