// See top_and_tail.h.
#include "bench/accuracy/top_and_tail.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "bench/accuracy/divergence.h"
#include "engine/base/check.h"

namespace qwench::bench {
namespace {

/// ln(e^a + e^b), a finite.
double log_add(double a, double b) {
  const double high = std::max(a, b), low = std::min(a, b);
  return std::isinf(low) ? high : high + std::log1p(std::exp(low - high));
}

}  // namespace

TopAndTail top_and_tail(const float* logits, int64_t vocab, const int32_t* top, int64_t k) {
  std::vector<int32_t> ids(top, top + k);
  std::sort(ids.begin(), ids.end());
  QWENCH_CHECK(k > 0 && ids.front() >= 0 && ids.back() < vocab);
  std::vector<float> inside, outside;
  outside.reserve(size_t(vocab - k));
  int64_t from = 0;
  for (const int32_t id : ids) {
    inside.push_back(logits[id]);
    outside.insert(outside.end(), logits + from, logits + id);
    from = int64_t(id) + 1;
  }
  outside.insert(outside.end(), logits + from, logits + vocab);
  TopAndTail out;
  out.tail = log_sum_exp(outside.data(), int64_t(outside.size()));
  out.total = log_add(log_sum_exp(inside.data(), k), out.tail);
  return out;
}

void require_finite_row(const float* logits, int64_t vocab, const char* whose) {
  for (int64_t i = 0; i < vocab; ++i)
    if (!std::isfinite(logits[i]))
      fail("{} logits: expected finite numbers, got {} for token {}", whose, logits[i], i);
}

}  // namespace qwench::bench
