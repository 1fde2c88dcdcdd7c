// Arithmetic on sizes that come from outside: every product and sum is checked before it is used.
#pragma once
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"

namespace qwench {

/// a * b, or Error naming `what` when the product does not fit in int64. a, b >= 0.
inline int64_t checked_mul(int64_t a, int64_t b, std::string_view what) {
  int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product) || product < 0)
    fail("{}: {} x {} does not fit in 64 bits", what, a, b);
  return product;
}

/// a + b, or Error naming `what` when the sum does not fit in int64. a, b >= 0.
inline int64_t checked_add(int64_t a, int64_t b, std::string_view what) {
  int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum) || sum < 0)
    fail("{}: {} + {} does not fit in 64 bits", what, a, b);
  return sum;
}

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

}  // namespace qwench
