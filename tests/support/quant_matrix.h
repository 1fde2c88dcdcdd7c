// A quantised matrix of random valid blocks, and what a kernel with int8 activations must make of it,
// in plain scalar steps: integers of 32 products, then one fused multiply-add a block, ascending.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "engine/base/tensor.h"
#include "engine/formats/format.h"
#include "engine/formats/q4_0.h"
#include "engine/formats/q4g.h"
#include "engine/formats/q8_0.h"

namespace qwench::test {

/// x as int8 with a scale for every 32: the arithmetic that every kernel shares.
struct QuantVector {
  std::vector<int> a;
  std::vector<float> scale;

  QuantVector(const float* x, int64_t n) : a(size_t(n)) {
    for (int64_t first = 0; first < n; first += kQuantBlock) {
      float largest = 0;
      bool finite = true;
      for (int64_t k = first; k < first + kQuantBlock; ++k) {
        finite = finite && std::isfinite(x[k]);
        largest = std::max(largest, std::fabs(x[k]));
      }
      const bool some = finite && largest >= 0x1p-119f;
      const float nan = std::numeric_limits<float>::quiet_NaN();
      scale.push_back(!finite ? nan : some ? largest / 127 : 0);
      const float inverse = some ? 127 / largest : 0;
      for (int64_t k = first; k < first + kQuantBlock; ++k)
        a[size_t(k)] = some ? int(std::nearbyint(x[k] * inverse)) : 0;
    }
  }
};

class QuantMatrix {
 public:
  DType dtype;
  int64_t out, in;
  std::vector<char> stored;   // [out] plain rows
  std::vector<int> integers;  // [out][in]
  std::vector<float> scales;  // [out][in / 32]
  std::vector<float> exact;   // [out][in] as decode_row has it

  /// integer(row, k) in 0..255 and scale(row, block) in 0..255 choose the bits; defaults: random.
  using Bits = std::function<int(int64_t, int64_t)>;
  QuantMatrix(DType t, int64_t n_out, int64_t n_in, uint64_t seed, Bits integer = {},
              Bits scale = {})
      : dtype(t), out(n_out), in(n_in), exact(size_t(n_out * n_in)) {
    std::mt19937_64 random(seed);
    const auto any = [&random](int64_t, int64_t) { return int(random() >> 56); };
    if (!integer) integer = any;
    if (!scale) scale = any;
    for (int64_t r = 0; r < out; ++r) {
      append_row(r, integer, scale);
      decode_row(t, stored.data() + r * row_bytes(t, in), in, exact.data() + r * in);
    }
  }

  TensorView view() const { return {const_cast<char*>(stored.data()), dtype, {out, in}}; }

  /// What a kernel gives for one row of x, bit for bit.
  float dot(int64_t row, const QuantVector& x) const {
    const int64_t n_blocks = in / kQuantBlock;
    float sum = 0;
    for (int64_t b = 0; b < n_blocks; ++b) {
      int products = 0;
      for (int64_t k = b * kQuantBlock; k < (b + 1) * kQuantBlock; ++k)
        products += x.a[size_t(k)] * integers[size_t(row * in + k)];
      const float scale = x.scale[size_t(b)] * scales[size_t(row * n_blocks + b)];
      sum = std::fma(scale, float(products), sum);
    }
    return sum;
  }
  /// The product with x as it is, in double; `norm` the sum of magnitudes, `rounding` how far the
  /// rounding of x to int8 can move it: half a step for every k.
  double exact_dot(int64_t row, const float* x, double& norm, double& rounding) const {
    const QuantVector q(x, in);
    double sum = norm = rounding = 0;
    for (int64_t k = 0; k < in; ++k) {
      const double w = double(exact[size_t(row * in + k)]), product = double(x[k]) * w;
      sum += product, norm += std::fabs(product);
      rounding += std::fabs(w) * double(q.scale[size_t(k / kQuantBlock)]) * 0.5001;
    }
    return sum;
  }

 private:
  void append(const void* data, size_t n) {
    stored.insert(stored.end(), static_cast<const char*>(data), static_cast<const char*>(data) + n);
  }

  void append_row(int64_t r, const Bits& integer, const Bits& scale_bits) {
    const float row_scale = std::ldexp(1.0f + float(r % 7) / 8, -13);
    if (dtype == DType::kQ4G) append(&row_scale, sizeof row_scale);
    for (int64_t b = 0; b < in / kQuantBlock; ++b) {
      const int bits = scale_bits(r, b);
      const auto head = uint8_t(bits);
      const uint16_t d = f32_to_f16(std::ldexp(float(bits) - 100, -14));  // either sign
      scales.push_back(dtype == DType::kQ4G ? row_scale * float(q4g_scale(head)) : f16_to_f32(d));
      if (dtype == DType::kQ4G)
        append(&head, 1);
      else
        append(&d, 2);
      uint8_t bytes[kQuantBlock] = {};
      for (int64_t i = 0; i < kQuantBlock; ++i) {
        const int v = integer(r, b * kQuantBlock + i);
        integers.push_back(value_of(v, head));
        if (dtype == DType::kQ8_0)
          bytes[i] = uint8_t(v);
        else
          bytes[i % 16] = uint8_t(bytes[i % 16] | (v & 15) << i / 16 * 4);
      }
      append(bytes, dtype == DType::kQ8_0 ? 32 : 16);
    }
  }

  int value_of(int bits, uint8_t head) const {
    if (dtype == DType::kQ8_0) return int8_t(bits);
    if (dtype == DType::kQ4_0) return (bits & 15) - 8;
    return kQ4GGrid[q4g_table(head)][bits & 15];
  }
};

}  // namespace qwench::test
