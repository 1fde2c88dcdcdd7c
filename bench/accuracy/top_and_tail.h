// The sums behind a row of which only the largest tokens are told apart.
#pragma once
#include <cstdint>

namespace qwench::bench {

/// ln of the summed e^logit: of all tokens, and of those outside the top (-inf when there are
/// none). The tail is summed for itself, not as 1 - top: a small one keeps all its digits.
struct TopAndTail {
  double total = 0, tail = 0;
};

/// `logits` [vocab], `top` [k] ids in any order. Contract: they are distinct and in [0, vocab),
/// k > 0, logits are finite.
TopAndTail top_and_tail(const float* logits, int64_t vocab, const int32_t* top, int64_t k);

/// Error naming the first token with a NaN or infinite logit of "candidate" or "reference".
void require_finite_row(const float* logits, int64_t vocab, const char* whose);

}  // namespace qwench::bench
