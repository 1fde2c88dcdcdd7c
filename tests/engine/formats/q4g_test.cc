// Our own 4-bit format: what its grids promise to kernels, and that its encoder leaves nothing on
// the table.
#include "engine/formats/q4g.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "engine/formats/q4g_encoder.h"
#include "tests/engine/formats/sample_weights.h"

using namespace qwench;
using namespace qwench::test;

namespace {

constexpr int64_t kCols = 1024;
constexpr DType kType = DType::kQ4G;

struct EncodedRow {
  std::vector<char> bytes;
  float scale() const {
    float row;
    std::memcpy(&row, bytes.data(), sizeof row);
    return row;
  }
  BlockQ4G* block(int64_t b) { return reinterpret_cast<BlockQ4G*>(bytes.data() + 4) + b; }
  std::vector<float> values() const {
    const int64_t n = (int64_t(bytes.size()) - 4) / 17 * 32;
    std::vector<float> decoded(static_cast<size_t>(n));
    decode_q4g(bytes.data(), n, decoded.data());
    return decoded;
  }
};

EncodedRow encode(const std::vector<float>& w, const float* importance = nullptr) {
  EncodedRow row{std::vector<char>(size_t(row_bytes(kType, int64_t(w.size()))))};
  encode_q4g(w.data(), int64_t(w.size()), importance, row.bytes.data());
  return row;
}

double value_of(float row, uint8_t head, int index) {
  return double(row) * q4g_scale(head) * kQ4GGrid[q4g_table(head)][index];
}

/// Squared error of one block of a row.
double block_error(const std::vector<float>& w, int64_t b, float row, const BlockQ4G& block) {
  double sum = 0;
  for (int i = 0; i < 32; ++i) {
    const int index = block.qs[i % 16] >> (i / 16 * 4) & 15;
    sum += std::pow(double(w[size_t(b * 32 + i)]) - value_of(row, block.head, index), 2);
  }
  return sum;
}

}  // namespace

TEST_CASE("the grids ascend within +-32, so sums of four products with int8 fit 16 bits") {
  for (const auto& grid : kQ4GGrid) {
    CHECK(grid[0] >= -32);
    CHECK(grid[0] < 0);
    CHECK(grid[15] <= 32);
    CHECK(grid[15] > 0);
    for (int k = 1; k < 16; ++k) CHECK(grid[k] > grid[k - 1]);
  }
}

TEST_CASE("a head holds every table and every scale") {
  for (int table = 0; table < 4; ++table) {
    for (int scale = -32; scale <= 31; ++scale) {
      CHECK(q4g_table(q4g_head(table, scale)) == table);
      CHECK(q4g_scale(q4g_head(table, scale)) == scale);
    }
  }
}

TEST_CASE("q4g is more exact than Q4_K at its best, at a quarter of a bit less") {
  // 7.06 and 8.23 %: optimal Q4_K encodings of such weights, 4.5 bits a weight
  const auto gauss = sample_weights(Tails::kGauss, 64 * kCols, 21);
  CHECK(error_percent(gauss, round_trip(kType, gauss, kCols)) < 0.99 * 7.06);
  const auto student = sample_weights(Tails::kStudent5, 64 * kCols, 22);
  CHECK(error_percent(student, round_trip(kType, student, kCols)) < 0.99 * 8.23);
  CHECK(double(row_bytes(kType, kCols)) * 8 / kCols < 4.3);
}

TEST_CASE("every index is the nearest, and one step aside is not") {
  const auto w = sample_weights(Tails::kStudent5, kCols, 23);
  EncodedRow row = encode(w);
  const Q4GEncoder encoder(kQ4GGrid);
  for (int64_t b = 0; b < kCols / 32; ++b) {
    const BlockQ4G& block = *row.block(b);
    REQUIRE(q4g_scale(block.head) != 0);
    for (int i = 0; i < 32; ++i) {
      const double weight = w[size_t(b * 32 + i)];
      const int index = block.qs[i % 16] >> (i / 16 * 4) & 15;
      const double error = std::fabs(weight - value_of(row.scale(), block.head, index));
      // float rounding may take the other neighbour where both are equally near
      for (int other = 0; other < 16; ++other)
        CHECK(error <= std::fabs(weight - value_of(row.scale(), block.head, other)) + 1e-6);
      const int nearest = encoder.nearest(float(weight), row.scale(), block.head);
      CHECK(std::fabs(weight - value_of(row.scale(), block.head, nearest)) <= error + 1e-6);
    }
  }
}

TEST_CASE("no other table or scale of a block is much better at its row's scale") {
  const Q4GEncoder encoder(kQ4GGrid);
  for (Tails tails : {Tails::kGauss, Tails::kStudent5}) {
    const auto w = sample_weights(tails, kCols, 24);
    EncodedRow row = encode(w);
    double found = 0, possible = 0;
    for (int64_t b = 0; b < kCols / 32; ++b) {
      found += block_error(w, b, row.scale(), *row.block(b));
      double best = 1e30;
      for (int head = 0; head < 256; ++head) {
        BlockQ4G block{uint8_t(head), {}};
        for (int i = 0; i < 32; ++i) {
          const int index = encoder.nearest(w[size_t(b * 32 + i)], row.scale(), block.head);
          block.qs[i % 16] = uint8_t(block.qs[i % 16] | index << (i / 16 * 4));
        }
        best = std::fmin(best, block_error(w, b, row.scale(), block));
      }
      possible += best;
    }
    MESSAGE("squared error against all 256 heads: " << found / possible);
    CHECK(found < 1.02 * possible);
    CHECK(found >= possible * (1 - 1e-6));
  }
}

TEST_CASE("a row's scale one percent off costs accuracy") {
  const auto w = sample_weights(Tails::kGauss, kCols, 25);
  EncodedRow row = encode(w);
  const double error = error_percent(w, row.values());
  for (float factor : {0.99f, 1.01f}) {
    EncodedRow moved = row;
    const float scale = row.scale() * factor;
    std::memcpy(moved.bytes.data(), &scale, sizeof scale);
    CHECK(error_percent(w, moved.values()) > error);
  }
}

TEST_CASE("what was decoded encodes again to nearly the same") {
  for (uint64_t seed = 30; seed < 60; ++seed) {
    const auto once = encode(sample_weights(Tails::kGauss, kCols, seed)).values();
    CHECK(error_percent(once, encode(once).values()) < 2);
  }
}

TEST_CASE("a power of two moves only the row's scale") {
  const auto w = sample_weights(Tails::kStudent5, kCols, 26);
  const auto importance = sample_importance(kCols, 5);
  for (const float* weighted : {static_cast<const float*>(nullptr), importance.data()}) {
    const EncodedRow row = encode(w, weighted);
    for (float factor : {0x1p-60f, 0.5f, 0x1p70f}) {
      auto scaled = w;
      for (float& x : scaled) x *= factor;
      const EncodedRow other = encode(scaled, weighted);
      CHECK(other.scale() == row.scale() * factor);
      CHECK(std::memcmp(other.bytes.data() + 4, row.bytes.data() + 4, row.bytes.size() - 4) == 0);
    }
  }
}

TEST_CASE("rows are read from and written to any alignment") {
  const auto w = sample_weights(Tails::kGauss, 96, 27);
  const EncodedRow row = encode(w);
  for (size_t offset = 1; offset < 4; ++offset) {
    std::vector<char> shifted(offset + row.bytes.size());
    encode_q4g(w.data(), 96, nullptr, shifted.data() + offset);
    CHECK(std::memcmp(shifted.data() + offset, row.bytes.data(), row.bytes.size()) == 0);
    std::vector<float> decoded(96);
    decode_q4g(shifted.data() + offset, 96, decoded.data());
    CHECK(decoded == row.values());
  }
}

TEST_CASE("the parts of the encoder make a row that is as good as the whole") {
  const Q4GEncoder encoder(kQ4GGrid);
  const auto importance = sample_importance(kCols, 5);
  for (const float* weighted : {static_cast<const float*>(nullptr), importance.data()}) {
    const auto w = sample_weights(Tails::kGauss, kCols, 28);
    EncodedRow whole = encode(w, weighted), parts = whole;
    const float scale = encoder.row_scale(w.data(), kCols, weighted);
    CHECK(scale == whole.scale());
    for (int64_t b = 0; b < kCols / 32; ++b)
      *parts.block(b) =
          encoder.encode_block(&w[size_t(b * 32)], weighted ? weighted + b * 32 : nullptr, scale);
    CHECK(error_percent(w, parts.values(), kCols, weighted) <
          1.01 * error_percent(w, whole.values(), kCols, weighted));
  }
}

TEST_CASE("blocks of a row without a scale, and weights far beyond it, are encoded all the same") {
  const Q4GEncoder encoder(kQ4GGrid);
  const auto w = sample_weights(Tails::kGauss, 32, 29, 1e30);
  CHECK(q4g_scale(encoder.encode_block(w.data(), nullptr, 0).head) == 0);
  CHECK(encoder.nearest(1, 0, q4g_head(0, 5)) < 16);
  const BlockQ4G clipped = encoder.encode_block(w.data(), nullptr, 1e-3f);
  CHECK(std::abs(q4g_scale(clipped.head)) >= 31);
  CHECK(encoder.nearest(1e30f, 1e-30f, q4g_head(1, 5)) == 15);
  CHECK(encoder.nearest(1e30f, 1e-30f, q4g_head(1, -5)) == 0);
}
