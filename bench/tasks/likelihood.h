// The log-likelihood of a continuation given what stands before it, from a Session that keeps what
// one question shares with the next.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/model/session.h"
#include "engine/text/tokenizer.h"

namespace qwench::bench {

/// A context and its continuation as one row of tokens.
struct EncodedPair {
  std::vector<int32_t> tokens;
  int64_t n_context = 0;  // > 0; the rest is the continuation, at least one token

  int64_t n_continuation() const { return int64_t(tokens.size()) - n_context; }
};

/// Encodes as lm-evaluation-harness does: both together, the continuation being what follows as
/// many tokens as the context has alone; whitespace at the end of the context is moved to the
/// continuation. Error (naming `where`) when either is left without a token.
EncodedPair encode_pair(const Tokenizer& tokenizer, const std::string& context,
                        const std::string& continuation, const std::string& where);

struct Likelihood {
  double log_likelihood = 0;  // nats: sum over the tokens of the continuation
  bool greedy = true;         // each of them was the arg max of the logits before it
};

class LikelihoodScorer {
 public:
  /// Pairs of up to `capacity` tokens. Only ids below `emit_limit` count for `greedy`, as in
  /// generation. Error when the session does not fit into memory.
  LikelihoodScorer(const Model& model, SessionOptions options, int64_t capacity,
                   int64_t emit_limit);

  /// The result does not depend on what was scored before. Contract: the pair fits.
  Likelihood score(const EncodedPair& pair);

 private:
  void add_token(Likelihood& to, const float* logits, int32_t token, double log_sum) const;
  int64_t keep_common_prefix(const EncodedPair& pair, int64_t n_inputs);
  void score_many(Likelihood& to, const EncodedPair& pair, int64_t n_inputs);

  const Model& model_;
  Session session_;
  int64_t emit_limit_;
  std::vector<int32_t> held_;           // what sequence 0 of the session holds
  std::optional<double> held_log_sum_;  // of the logits after the last of `held_`
};

}  // namespace qwench::bench
