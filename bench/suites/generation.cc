// The clock is read where a token is known on the host, not where its pass was started.
#include "bench/suites/generation.h"

#include <algorithm>

#include "bench/model/generate.h"
#include "bench/support/interrupt.h"

namespace qwench::bench {

std::optional<double> Generation::decode_tokens_per_second() const {
  double ns = 0;
  for (const double gap : token_ns) ns += gap;
  if (ns <= 0) return std::nullopt;
  return double(token_ns.size()) * 1e9 / ns;
}

GenerationSession::GenerationSession(SuiteContext& context, int64_t n_seq, int64_t capacity)
    : loaded_(context.model(n_seq, capacity)),
      text_(context.text()),
      session_(loaded_.model, session_options(context.options().model, n_seq, capacity)) {}

Generation GenerationSession::generate(const std::vector<int32_t>& prompt, int64_t n_new) {
  session_.truncate(0, 0);
  Generation g;
  const int64_t start = now_ns();
  int64_t before = start;
  const auto on_token = [&](int32_t) {
    const int64_t now = now_ns();
    if (before != start) g.token_ns.push_back(double(now - before));
    before = now;
    return true;
  };
  const GenerateArgs args{session_, *loaded_.backend, text_, prompt, 0, n_new, nullptr, on_token};
  Generated generated = qwench::bench::generate(args);
  g.total_ns = double(before - start);
  g.prompt_tokens = generated.prompt_tokens;
  g.first_token_ns = double(generated.ttft_ns);
  g.ids = std::move(generated.ids);
  g.interrupted = generated.end == End::kInterrupted;
  return g;
}

BatchGeneration GenerationSession::generate_batch(const std::vector<std::vector<int32_t>>& prompts,
                                                  int64_t n_new) {
  const int64_t batch = int64_t(prompts.size());
  QWENCH_CHECK(batch == session_.n_seq() && n_new >= 1);
  BatchGeneration g;
  g.batch = batch;
  std::vector<std::vector<int32_t>> ids(prompts.size());
  std::vector<int32_t> last(prompts.size());
  for (int64_t seq = 0; seq < batch; ++seq) session_.truncate(seq, 0);
  const int64_t start = now_ns();
  for (int64_t seq = 0; seq < batch; ++seq) {
    const std::vector<int32_t>& prompt = prompts[size_t(seq)];
    session_.prefill(seq, prompt.data(), int64_t(prompt.size()));
    last[size_t(seq)] = session_.argmax(0, text_.emit_limit);
    ids[size_t(seq)].push_back(last[size_t(seq)]);
    g.first_token_ns.push_back(double(now_ns() - start));
    g.prompt_tokens += int64_t(prompt.size());
  }
  g.prefill_ns = double(now_ns() - start);
  for (int64_t step = 1; step < n_new && !interrupted(); ++step) {
    session_.decode(last.data());
    for (int64_t seq = 0; seq < batch; ++seq) {
      last[size_t(seq)] = session_.argmax(seq, text_.emit_limit);
      ids[size_t(seq)].push_back(last[size_t(seq)]);
    }
  }
  g.total_ns = double(now_ns() - start);
  for (const std::vector<int32_t>& sequence : ids)
    g.ids.insert(g.ids.end(), sequence.begin(), sequence.end());
  g.interrupted = interrupted();
  return g;
}

int64_t room_for(const std::vector<std::vector<int32_t>>& prompts, int64_t n_new) {
  size_t longest = 0;
  for (const std::vector<int32_t>& prompt : prompts) longest = std::max(longest, prompt.size());
  return int64_t(longest) + n_new;
}

}  // namespace qwench::bench
