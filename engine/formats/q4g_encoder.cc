// A row is encoded in three steps:
// 1. each block alone: the best real scale over the grids, both signs and a range of first guesses;
// 2. the row's scale that makes these scales nearly whole numbers where it matters;
// 3. each block again: the best grid and integer scale next to the wanted one, then the row's scale
//    by least squares, twice.
// Weights are scaled by a power of two to at most 2 first, so no sum can overflow or vanish.
#include "engine/formats/q4g_encoder.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/base/dtype.h"

namespace qwench {

namespace {

constexpr int kBlock = int(kQuantBlock);
constexpr float kNegligible = 1e-20f;  // of the largest weight of a row: its scale is 0 for sure
constexpr uint8_t kZeroIndex = 8;      // what weights of a block with scale 0 are written as

struct Block {
  float x[kBlock];         // weights
  float m[kBlock];         // importance
  float mx[kBlock];        // importance * weight
  float energy = 0;        // sum of importance * weight^2
  float up = 0, down = 0;  // the largest weight, the largest negative one without its sign
};

/// Over the grid values g that one scale gives a block's weights x.
struct Sums {
  float mxg = 0, mgg = 0;
};

struct Choice {
  int table = 0, scale = 0;
  Sums sums;
  float error = 0;
};

float at_lookup(float x, float twice_inverse) {
  return std::min(std::max(x * twice_inverse + 64.0f, 0.0f), 127.0f);
}

/// Four sums side by side, which compilers turn into vectors without reordering any addition.
Sums sums_of(const Q4GLookup& grid, const Block& block, float scale) {
  const float twice_inverse = 2.0f / scale;
  int at[kBlock];
  float g[kBlock];
  for (int i = 0; i < kBlock; ++i) at[i] = int(at_lookup(block.x[i], twice_inverse));
  for (int i = 0; i < kBlock; ++i) g[i] = grid.nearest_value[at[i]];
  float mxg[4] = {}, mgg[4] = {};
  for (int i = 0; i < kBlock; i += 4) {
    for (int lane = 0; lane < 4; ++lane) {
      mxg[lane] += block.mx[i + lane] * g[i + lane];
      mgg[lane] += block.m[i + lane] * g[i + lane] * g[i + lane];
    }
  }
  return {(mxg[0] + mxg[2]) + (mxg[1] + mxg[3]), (mgg[0] + mgg[2]) + (mgg[1] + mgg[3])};
}

/// A block's best real scale over all grids, how fast its error grows with the square of the distance
/// from it, and the best of each grid, as it is and mirrored.
struct FreeScale {
  float best = 0, curvature = 0;
  float of[4][2] = {};
};

/// First guesses put the extreme weights at 1 / 1.05 .. 1 / 0.8 of the grid's ends, further in where
/// importance may make them worth losing.
FreeScale free_scale(const Q4GLookup (&grids)[4], const Block& block, bool has_importance) {
  const float lowest = has_importance ? 0.4f : 0.8f;
  const int steps = has_importance ? 13 : 5;
  FreeScale free;
  float most = -1;
  for (int which = 0; which < 8; ++which) {
    const Q4GLookup& grid = grids[which / 2];
    const bool mirrored = which % 2 != 0;
    const float up = mirrored ? block.down : block.up, down = mirrored ? block.up : block.down;
    const float fitting = std::max(up / grid.highest, down / -grid.lowest);
    float most_here = -1;
    for (int step = 0; step <= steps; ++step) {
      const float guess = fitting * (lowest + 0.05f * float(step));
      const Sums sums = sums_of(grid, block, mirrored ? -guess : guess);
      if (!(sums.mgg > 0)) continue;
      const float scale = sums.mxg / sums.mgg;
      const float gain = scale * sums.mxg;  // of the error, by least squares
      if (gain > most_here) free.of[which / 2][which % 2] = scale, most_here = gain;
      if (gain > most) free.best = scale, free.curvature = sums.mgg, most = gain;
    }
  }
  return free;
}

/// The best grid and integer scale beside what the free scales come to in units of `row`.
Choice choose(const Q4GLookup (&grids)[4], const Block& block, float row, const FreeScale& free) {
  Choice best;
  best.error = block.energy;  // scale 0
  for (int which = 0; which < 8; ++which) {
    const float steps = free.of[which / 2][which % 2] / row;
    if (steps == 0) continue;
    const int below = int(std::min(std::max(steps, -33.0f), 32.0f) + 64.0f) - 64;
    for (int scale = below; scale <= below + 1; ++scale) {
      if (scale == 0 || scale > 31 || scale < -32) continue;
      const float d = row * float(scale);
      const Sums sums = sums_of(grids[which / 2], block, d);
      const float error = block.energy - 2 * d * sums.mxg + d * d * sums.mgg;
      if (error < best.error) best = {which / 2, scale, sums, error};
    }
  }
  return best;
}

void write(const Q4GLookup (&grids)[4], const Block& block, float row, int table, int scale,
           BlockQ4G* to) {
  to->head = q4g_head(table, scale);
  if (scale == 0) {
    std::memset(to->qs, kZeroIndex * 0x11, sizeof to->qs);
    return;
  }
  const uint8_t* index = grids[table].nearest_index;
  const float twice_inverse = 2.0f / (row * float(scale));
  for (int i = 0; i < kBlock / 2; ++i) {
    const int low = index[int(at_lookup(block.x[i], twice_inverse))];
    const int high = index[int(at_lookup(block.x[i + kBlock / 2], twice_inverse))];
    to->qs[i] = uint8_t(low | high << 4);
  }
}

/// 32 weights times `factor`, importance divided by `mean`.
Block load(const float* w, double factor, const float* importance, double mean) {
  constexpr double kLeast = 1e-6;  // weights of no importance are still coded as the nearest
  constexpr double kMost = 0.75 * double(FLT_MAX);  // rounding up from here cannot overflow
  Block block;
  for (int i = 0; i < kBlock; ++i) {
    const double bounded = std::min(std::max(double(w[i]), -kMost), kMost);
    const float x = float(std::min(std::max(bounded * factor, -1e6), 1e6));
    block.x[i] = x;
    block.m[i] = importance ? float(double(importance[i]) / mean + kLeast) : 1.0f;
    block.mx[i] = block.m[i] * x;
    block.energy += block.mx[i] * x;
    block.up = std::max(block.up, x);
    block.down = std::max(block.down, -x);
  }
  return block;
}

/// Of the importance; 0 where it says nothing (all zero, or not a number).
double mean_of(const float* importance, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; importance && i < n; ++i) sum += double(importance[i]);
  return std::isfinite(sum) && sum > 0 ? sum / double(n) : 0;
}

struct Row {
  std::vector<Block> blocks;
  std::vector<FreeScale> wanted;
  int exponent = 0;  // weights = blocks * 2^exponent
};

Row load_row(const Q4GLookup (&grids)[4], const float* w, int64_t n, const float* importance,
             float largest) {
  Row row;
  row.exponent = std::ilogb(largest);
  const double factor = std::ldexp(1.0, -row.exponent), mean = mean_of(importance, n);
  const bool weighted = mean > 0;
  for (int64_t first = 0; first < n; first += kBlock) {
    row.blocks.push_back(load(w + first, factor, weighted ? importance + first : nullptr, mean));
    const Block& block = row.blocks.back();
    const bool negligible = std::max(block.up, block.down) < kNegligible;
    row.wanted.push_back(negligible ? FreeScale() : free_scale(grids, block, weighted));
  }
  return row;
}

/// What rounding the wanted scales to multiples of `unit` adds to the row's error.
double rounding_error(const Row& row, float unit) {
  double sum = 0;
  for (const FreeScale& wanted : row.wanted) {
    const float steps = std::min(std::max(wanted.best / unit, -32.0f), 31.0f);
    const float rounded = float(int(steps + 32.5f) - 32);
    const float off = wanted.best - rounded * unit;
    sum += double(off * off * wanted.curvature);
  }
  return sum;
}

/// Puts the largest wanted scale at 20 to 40 steps: beyond 32 it is cut short for the others' sake.
float first_row_scale(const Row& row) {
  float largest = 0;
  for (const FreeScale& wanted : row.wanted) largest = std::max(largest, std::fabs(wanted.best));
  float best = largest / 31.0f;
  double least = std::numeric_limits<double>::infinity();
  for (int step = 0; step <= 128; ++step) {
    const float unit = largest / (20.0f + float(step) * 0.15625f);
    const double error = rounding_error(row, unit);
    if (error < least) best = unit, least = error;
  }
  return best;
}

/// Every block's choice at a row's scale, and the scale that is best for these choices.
float choose_all(const Q4GLookup (&grids)[4], const Row& row, float scale, Choice* choices) {
  double num = 0, den = 0;
  for (size_t b = 0; b < row.blocks.size(); ++b) {
    choices[b] = choose(grids, row.blocks[b], scale, row.wanted[b]);
    const double steps = choices[b].scale;
    num += steps * double(choices[b].sums.mxg);
    den += steps * steps * double(choices[b].sums.mgg);
  }
  return den > 0 ? float(num / den) : scale;
}

float best_row_scale(const Q4GLookup (&grids)[4], const Row& row, Choice* choices) {
  float scale = first_row_scale(row);
  for (int round = 0; round < 2; ++round) scale = choose_all(grids, row, scale, choices);
  return scale;
}

/// The largest magnitude; NaN when a weight is not finite.
float largest_of(const float* w, int64_t n) {
  float largest = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(w[i])) return std::numeric_limits<float>::quiet_NaN();
    largest = std::max(largest, std::fabs(w[i]));
  }
  return largest;
}

Q4GLookup lookup_of(const int8_t (&grid)[16]) {
  Q4GLookup lookup;
  lookup.lowest = grid[0];
  lookup.highest = grid[15];
  int nearest = 0;
  for (int at = 0; at < 128; ++at) {
    const float v = float(at - 64) / 2 + 0.25f;  // the middle of the half step
    while (nearest < 15 && v - float(grid[nearest]) > float(grid[nearest + 1]) - v) ++nearest;
    lookup.nearest_index[at] = uint8_t(nearest);
    lookup.nearest_value[at] = grid[nearest];
  }
  return lookup;
}

}  // namespace

Q4GEncoder::Q4GEncoder(const int8_t (&grids)[4][16]) {
  for (int table = 0; table < 4; ++table) grids_[table] = lookup_of(grids[table]);
}

void Q4GEncoder::encode(const float* w, int64_t n, const float* importance, void* to) const {
  const float largest = largest_of(w, n);
  float stored = largest;  // 0 and NaN stay what they are
  auto* block = reinterpret_cast<BlockQ4G*>(static_cast<char*>(to) + sizeof stored);
  if (largest > 0) {
    const Row row = load_row(grids_, w, n, importance, largest);
    std::vector<Choice> choices(row.blocks.size());
    const float scale = best_row_scale(grids_, row, choices.data());
    stored = float(std::ldexp(double(scale), row.exponent));
    for (size_t b = 0; b < row.blocks.size(); ++b)
      write(grids_, row.blocks[b], scale, choices[b].table, choices[b].scale, block + b);
  } else {
    for (int64_t b = 0; b < n / kBlock; ++b) write(grids_, Block(), 0, 0, 0, block + b);
  }
  std::memcpy(to, &stored, sizeof stored);
}

float Q4GEncoder::row_scale(const float* w, int64_t n, const float* importance) const {
  const float largest = largest_of(w, n);
  if (!(largest > 0)) return largest;
  const Row row = load_row(grids_, w, n, importance, largest);
  std::vector<Choice> choices(row.blocks.size());
  return float(std::ldexp(double(best_row_scale(grids_, row, choices.data())), row.exponent));
}

BlockQ4G Q4GEncoder::encode_block(const float* w, const float* importance, float row) const {
  BlockQ4G encoded;
  Choice choice;
  Block block;
  if (row > 0) {
    const double mean = mean_of(importance, kBlock);
    block = load(w, 1.0 / double(row), mean > 0 ? importance : nullptr, mean);
    if (std::max(block.up, block.down) > kNegligible)
      choice = choose(grids_, block, 1, free_scale(grids_, block, mean > 0));
  }
  write(grids_, block, 1, choice.table, choice.scale, &encoded);
  return encoded;
}

int Q4GEncoder::nearest(float w, float row, uint8_t head) const {
  const double scale = double(row) * q4g_scale(head);
  if (!(scale != 0)) return kZeroIndex;
  const double v = std::min(std::max(2 * double(w) / scale + 64, 0.0), 127.0);
  return grids_[q4g_table(head)].nearest_index[int(v)];
}

}  // namespace qwench
