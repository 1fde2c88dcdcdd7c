// e^x and e^x - 1 - x in double, inline and without branches, so that loops over a row of logits
// vectorise on any machine, and with one rounding per operation, so that they give the same bits
// everywhere.
#pragma once
#include <cstdint>
#include <cstring>

namespace qwench::bench {

constexpr double kMaxExponent = 708;  // of row_exp: e^708 and e^-708 are normal doubles

/// e^x = scale * (1 + r + rest), scale = 2^k, |r| <= ln(2) / 2, rest = e^r - 1 - r.
struct ExpParts {
  double scale, r, rest;
};

/// Cody and Waite's reduction (ln 2 in two parts, the first with 21 trailing zero bits), then
/// Taylor's series of rest / r^2 to r^11: its first term left out is 2e-16 of the sum.
/// Contract: |x| <= kMaxExponent. With k = 0, r is x itself.
inline ExpParts exp_parts(double x) {
  constexpr double kLog2E = 1.44269504088896340736;
  constexpr double kLn2High = 6.93147180369123816490e-01, kLn2Low = 1.90821492927058770002e-10;
  constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
  const double shifted = x * kLog2E + kRound, k = shifted - kRound;
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double sum = 1.0 / 6227020800;  // 1 / 13!
  sum = sum * r + 1.0 / 479001600;
  sum = sum * r + 1.0 / 39916800;
  sum = sum * r + 1.0 / 3628800;
  sum = sum * r + 1.0 / 362880;
  sum = sum * r + 1.0 / 40320;
  sum = sum * r + 1.0 / 5040;
  sum = sum * r + 1.0 / 720;
  sum = sum * r + 1.0 / 120;
  sum = sum * r + 1.0 / 24;
  sum = sum * r + 1.0 / 6;
  sum = sum * r + 0.5;
  uint64_t bits;  // the low bits of `shifted` are k in two's complement
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 1023) << 52;
  double scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return {scale, r, r * r * sum};
}

/// e^x for |x| <= kMaxExponent, to about 1 ulp.
inline double row_exp(double x) {
  const ExpParts e = exp_parts(x);
  return e.scale + e.scale * (e.r + e.rest);
}

/// e^x - 1 - x for |x| <= kMaxExponent. Where k = 0 (|x| < 0.34) only `rest` is left: nothing
/// cancels.
inline double row_exp_minus_1_minus(double x) {
  const ExpParts e = exp_parts(x);
  return e.scale * e.rest + (((e.scale - 1) + e.scale * e.r) - x);
}

}  // namespace qwench::bench
