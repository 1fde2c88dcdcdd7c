// The memory figures are the machine's, as a person watching it would see them.
#include "bench/monitoring/quick_benchmark.h"

#include <algorithm>

#include "bench/model/greedy.h"
#include "bench/model/text_options.h"
#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "bench/sweep/case.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

constexpr const char* kSentence =
    "Explain in a few sentences how a neural network learns from examples.";
constexpr int64_t kFixedIds = 16;

std::vector<int32_t> prompt_of(const QuickOptions& o, const Checkpoint& checkpoint) {
  SamplingOptions greedy;
  greedy.greedy = greedy.ignore_eos = true;
  const TextModel text = open_text(o.model, checkpoint, greedy);
  const int64_t vocab = checkpoint.config().vocab;
  std::vector<int32_t> ids;
  if (!o.prompt.empty())
    ids = text.require_tokenizer("--prompt", o.model.model).encode_framed(o.prompt);
  else
    ids = text.tokenizer ? text.tokenizer->encode(kSentence)
                         : random_ids(kFixedIds, vocab, o.model.seed);
  if (ids.empty()) fail_usage("--prompt: expected at least one token, got none");
  check_token_ids(ids, vocab);
  return ids;
}

void read_memory(MonitorSample& sample) {
  const int64_t available = available_memory_bytes(), ram = total_memory_bytes();
  if (available > 0) sample.memory_available_bytes = available;
  if (available > 0 && ram > 0)
    sample.memory_usage_percent = 100 * (1 - double(std::min(available, ram)) / double(ram));
}

}  // namespace

QuickBenchmark::QuickBenchmark(const QuickOptions& o)
    : tokens_(o.tokens),
      checkpoint_(open_model(o.model)),
      prompt_(prompt_of(o, *checkpoint_)),
      plan_(generation_session(o.model, prompt_tokens(), o.tokens)),
      loaded_(load_model(o.model, *checkpoint_, make_backend(o.model, o.model.threads), plan_)),
      session_(loaded_.model, plan_) {
  generate(expected_);
}

bool QuickBenchmark::generate(std::vector<int32_t>& ids) {
  return finished([&] {
    session_.truncate(0, 0);
    session_.prefill(0, prompt_.data(), prompt_tokens());
    ids = decode_greedily(session_, tokens_, loaded_.model.config.vocab);
  });
}

void QuickBenchmark::compare(const std::vector<int32_t>& ids) const {
  if (ids == expected_) return;
  const auto [ours, theirs] =
      std::mismatch(ids.begin(), ids.end(), expected_.begin(), expected_.end());
  fail(
      "monitor: expected the same tokens as the first time, got others from token {} on: memory or "
      "processor are at fault, or a kernel that is not deterministic",
      ours - ids.begin() + 1);
}

std::optional<MonitorSample> QuickBenchmark::run(EnergyMeter* meter) {
  MonitorSample sample;
  std::vector<int32_t> ids;
  const int64_t start = now_ns();
  if (!generate(ids)) return std::nullopt;
  sample.response_ns = now_ns() - start;
  sample.tokens = int64_t(ids.size());
  compare(ids);
  read_memory(sample);
  if (meter) sample.energy = to_json(meter->measure(tokens_, [&] { return generate(ids); }));
  if (interrupted()) return std::nullopt;
  return sample;
}

}  // namespace qwench::bench
