// The last token of a continuation is never run: nothing follows it. Four one-letter answers to one
// question therefore need a single forward pass, and its logits are normalised once.
#include "bench/tasks/likelihood.h"

#include <algorithm>

#include "bench/accuracy/divergence.h"
#include "bench/tasks/task.h"
#include "bench/text_metrics/python_text.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

// Rows of logits of one pass: 32 x 152k floats are 19 MB, and a pass of 32 tokens already reads
// the weights once.
constexpr int64_t kLogitRows = 32;

SessionOptions fit_session(const Model& model, SessionOptions options, int64_t capacity) {
  options.n_seq = 1;
  options.capacity = capacity;
  options.prefill_chunk = std::min(options.prefill_chunk, capacity);
  options.logit_rows = std::min(kLogitRows, options.prefill_chunk);
  require_session_memory(model, options);
  return options;
}

}  // namespace

EncodedPair encode_pair(const Tokenizer& tokenizer, const std::string& context,
                        const std::string& continuation, const std::string& where) {
  const std::string start(python_rstrip(context));
  EncodedPair pair;
  pair.tokens = tokenizer.encode(context + continuation);
  pair.n_context = int64_t(tokenizer.encode(start).size());
  if (pair.n_context == 0) fail("{}: expected text before the answer, got none", where);
  // What the files put before a text; what they put after one is never scored.
  const std::vector<int32_t>& before = tokenizer.framing().before;
  pair.tokens.insert(pair.tokens.begin(), before.begin(), before.end());
  pair.n_context += int64_t(before.size());
  if (pair.n_continuation() < 1)
    fail("{}: expected the answer {} to add at least one token, got none", where,
         in_quotes(continuation));
  return pair;
}

LikelihoodScorer::LikelihoodScorer(const Model& model, SessionOptions options, int64_t capacity,
                                   int64_t emit_limit)
    : model_(model),
      session_(model, fit_session(model, options, capacity)),
      emit_limit_(emit_limit) {
  QWENCH_CHECK(emit_limit > 0 && emit_limit <= model.config.vocab);
}

void LikelihoodScorer::add_token(Likelihood& to, const float* logits, int32_t token,
                                 double log_sum) const {
  to.log_likelihood += double(logits[token]) - log_sum;
  to.greedy = to.greedy && std::max_element(logits, logits + emit_limit_) - logits == token;
}

/// Forgets what the session holds beyond its common beginning with the pair; one token of the
/// context at least is left to run, so that its logits are there.
int64_t LikelihoodScorer::keep_common_prefix(const EncodedPair& pair, int64_t n_inputs) {
  const auto end = pair.tokens.begin() + std::ptrdiff_t(n_inputs);
  const auto differ = std::mismatch(held_.begin(), held_.end(), pair.tokens.begin(), end);
  const int64_t kept = std::min<int64_t>(differ.first - held_.begin(), pair.n_context - 1);
  session_.truncate(0, kept);
  held_.resize(size_t(kept));
  held_log_sum_.reset();
  return kept;
}

void LikelihoodScorer::score_many(Likelihood& to, const EncodedPair& pair, int64_t n_inputs) {
  const int64_t first = pair.n_context - 1;  // the input whose logits foretell the continuation
  const int64_t vocab = model_.config.vocab;
  if (const int64_t kept = session_.length(0); kept < first)
    session_.prefill(0, pair.tokens.data() + kept, first - kept);
  const Session::OnLogits add = [&](int64_t from, int64_t n, const float* logits) {
    for (int64_t i = 0; i < n; ++i)
      add_token(to, logits + i * vocab, pair.tokens[size_t(first + from + i + 1)],
                log_sum_exp(logits + i * vocab, vocab));
  };
  session_.prefill(0, pair.tokens.data() + first, n_inputs - first, &add);
}

Likelihood LikelihoodScorer::score(const EncodedPair& pair) {
  QWENCH_CHECK(pair.n_context > 0 && pair.n_continuation() > 0);
  Likelihood result;
  const int64_t n_inputs = int64_t(pair.tokens.size()) - 1;
  const auto end = pair.tokens.begin() + std::ptrdiff_t(n_inputs);
  const bool ready = held_log_sum_ && pair.n_continuation() == 1 &&
                     std::equal(held_.begin(), held_.end(), pair.tokens.begin(), end);
  if (!ready) {
    const int64_t kept = keep_common_prefix(pair, n_inputs);
    if (pair.n_continuation() > 1)
      score_many(result, pair, n_inputs);
    else
      session_.prefill(0, pair.tokens.data() + kept, n_inputs - kept);
    held_.assign(pair.tokens.begin(), end);
  }
  if (pair.n_continuation() > 1) return result;
  const float* logits = session_.logits(0);
  if (!ready) held_log_sum_ = log_sum_exp(logits, model_.config.vocab);
  add_token(result, logits, pair.tokens.back(), *held_log_sum_);
  return result;
}

}  // namespace qwench::bench
