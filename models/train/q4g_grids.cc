// Trains the four grids of q4g (engine/formats/q4g.cc) on seeded Gaussian and heavy-tailed rows and
// prints them with their errors; target `train_q4g_grids`, part of no other program.
//
// The measure is what the encoder itself makes of the sample, so nothing is assumed about how it
// searches. Alternation: Lloyd's step (every value to the mean of the weights that chose it, rounded),
// then single values and neighbouring pairs up and down by one while that helps; then one grid is
// shaken and all is tried again ("basin hopping"), on few rows; the best of that settles on many. The
// held-out rows, on which nothing is chosen, give the figures printed.
// Usage: train_q4g_grids [shakes, 30]
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "engine/dtype.h"
#include "engine/formats/q4g_encoder.h"

namespace qwench {

namespace {

constexpr int kCols = 1024;
constexpr int kBiggest = 32;

struct Grids {
  int8_t value[4][16];
};

/// Rows of one distribution.
struct Sample {
  std::vector<float> weights;
  double energy = 0;
};

/// Box-Muller: the standard library's distributions differ from platform to platform.
class Normal {
 public:
  explicit Normal(uint64_t seed) : bits_(seed) {}
  double operator()() {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  }

 private:
  double uniform() { return (double(bits_() >> 11) + 0.5) * 0x1p-53; }
  std::mt19937_64 bits_;
};

/// degrees: of Student's t; 0 for a Gaussian.
Sample sample_of(int rows, int degrees, uint64_t seed) {
  Normal normal(seed);
  Sample sample;
  sample.weights.resize(size_t(rows) * kCols);
  for (float& w : sample.weights) {
    double squares = 0;
    for (int i = 0; i < degrees; ++i) squares += std::pow(normal(), 2);
    w = float(degrees ? normal() / std::sqrt(squares / degrees) : normal());
    sample.energy += double(w) * double(w);
  }
  return sample;
}

/// Sums for Lloyd's step, per value: the weights that chose it in units of their scale.
struct Chosen {
  double num[4][16] = {}, den[4][16] = {};
};

/// The squared error relative to the energy.
double error_of(const Grids& grids, const Sample& sample, Chosen* chosen = nullptr) {
  const Q4GEncoder encoder(grids.value);
  std::vector<char> encoded(size_t(row_bytes(DType::kQ4G, kCols)));
  double sum = 0;
  for (size_t first = 0; first < sample.weights.size(); first += kCols) {
    const float* w = &sample.weights[first];
    encoder.encode(w, kCols, nullptr, encoded.data());
    float row;
    std::memcpy(&row, encoded.data(), sizeof row);
    const auto* blocks = reinterpret_cast<const BlockQ4G*>(encoded.data() + sizeof row);
    for (int i = 0; i < kCols; ++i) {
      const BlockQ4G& block = blocks[i / 32];
      const int table = q4g_table(block.head), at = i % 32;
      const int index = block.qs[at % 16] >> (at / 16 * 4) & 15;
      const double scale = double(row) * q4g_scale(block.head);
      const double error = double(w[i]) - scale * grids.value[table][index];
      sum += error * error;
      if (!chosen) continue;
      chosen->num[table][index] += scale * double(w[i]);
      chosen->den[table][index] += scale * scale;
    }
  }
  return sum / sample.energy;
}

bool ascending(const Grids& grids) {
  for (const auto& grid : grids.value) {
    if (grid[0] < -kBiggest || grid[15] > kBiggest) return false;
    for (int k = 1; k < 16; ++k)
      if (grid[k] <= grid[k - 1]) return false;
  }
  return true;
}

class Trainer {
 public:
  /// rows: of each distribution. gauss_share: of the Gaussian in the measure, 0..1.
  Trainer(const Grids& start, int rows, double gauss_share)
      : gauss_share_(gauss_share),
        gauss_(sample_of(rows, 0, 1)),
        student_(sample_of(rows, 5, 2)),
        shake_(3),
        best_(start) {
    gauss_start_ = error_of(start, gauss_);
    student_start_ = error_of(start, student_);
  }

  Grids train(int shakes) {
    double least = settle(best_);
    for (int shake = 0; shake < shakes; ++shake) {
      Grids candidate = best_;
      shake_grid(&candidate, shake % 4);
      const double loss = settle(candidate);
      std::fprintf(stderr, "shake %d: %.5f, best %.5f\n", shake, loss, std::fmin(loss, least));
      if (loss < least) best_ = candidate, least = loss;
    }
    return best_;
  }

 private:
  /// 1 is where the training started.
  double loss(const Grids& grids, Chosen* chosen = nullptr) const {
    return gauss_share_ * error_of(grids, gauss_, chosen) / gauss_start_ +
           (1 - gauss_share_) * error_of(grids, student_, chosen) / student_start_;
  }

  /// Moves `grids` to where no step helps; returns the loss there.
  double settle(Grids& grids) {
    double least = loss(grids);
    while (lloyd(grids, &least) || descend(grids, &least)) {
    }
    return least;
  }

  bool lloyd(Grids& grids, double* least) const {
    Chosen chosen;
    loss(grids, &chosen);
    Grids moved = grids;
    for (int table = 0; table < 4; ++table)
      for (int k = 0; k < 16; ++k)
        if (chosen.den[table][k] > 0)
          moved.value[table][k] = int8_t(std::lround(chosen.num[table][k] / chosen.den[table][k]));
    return accept(grids, moved, least);
  }

  bool descend(Grids& grids, double* least) const {
    bool any = false;
    for (int table = 0; table < 4; ++table) {
      for (int k = 0; k < 16; ++k) {
        for (const auto& [here, next] : {std::pair(1, 0), {-1, 0}, {1, 1}, {-1, -1}}) {
          Grids moved = grids;
          moved.value[table][k] = int8_t(moved.value[table][k] + here);
          if (k < 15) moved.value[table][k + 1] = int8_t(moved.value[table][k + 1] + next);
          any |= accept(grids, moved, least);
        }
      }
    }
    return any;
  }

  bool accept(Grids& grids, const Grids& moved, double* least) const {
    if (!ascending(moved)) return false;
    const double loss_there = loss(moved);
    if (loss_there >= *least - 1e-5) return false;
    grids = moved;
    *least = loss_there;
    return true;
  }

  /// Moves every value of one grid by a random amount, until it ascends again.
  void shake_grid(Grids* grids, int table) {
    Grids shaken;
    do {
      shaken = *grids;
      for (int8_t& value : shaken.value[table]) value = int8_t(value + std::lround(1.5 * shake_()));
    } while (!ascending(shaken));
    *grids = shaken;
  }

  double gauss_share_;
  Sample gauss_, student_;
  double gauss_start_ = 1, student_start_ = 1;
  Normal shake_;
  Grids best_;
};

void print(const char* title, const Grids& grids) {
  std::printf("%s: held-out error %.3f %% gaussian, %.3f %% student-t5\n", title,
              100 * std::sqrt(error_of(grids, sample_of(512, 0, 11))),
              100 * std::sqrt(error_of(grids, sample_of(512, 5, 12))));
  for (const auto& grid : grids.value) {
    for (int k = 0; k < 16; ++k) std::printf("%s%d", k ? ", " : "    {", grid[k]);
    std::printf("},\n");
  }
  std::fflush(stdout);
}

}  // namespace

}  // namespace qwench

int main(int argc, char** argv) {
  using namespace qwench;
  const Grids start = {{
      {-32, -26, -21, -17, -13, -9, -6, -3, 0, 3, 6, 9, 13, 17, 22, 31},
      {-29, -23, -18, -14, -11, -7, -4, -2, 1, 4, 7, 10, 13, 17, 21, 32},
      {-32, -24, -19, -15, -11, -8, -5, -2, 0, 3, 6, 9, 12, 16, 21, 26},
      {-31, -25, -20, -16, -12, -8, -5, -2, 1, 4, 7, 10, 14, 18, 25, 32},
  }};
  print("start", start);
  const int shakes = argc > 1 ? std::atoi(argv[1]) : 30;
  const Grids rough = Trainer(start, 32, 0.5).train(shakes);
  print("rough", rough);
  // most blocks of real weights are nearly Gaussian: with equal shares the last steps cost them
  print("trained", Trainer(rough, 192, 0.75).train(0));
}
