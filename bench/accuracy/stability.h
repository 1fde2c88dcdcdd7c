// Numerical stability, op by op: NaN, Inf, the largest value, and how far from overflow it would be
// if it were kept as fp16.
#pragma once
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/base/json.h"

namespace qwench::bench {

constexpr double kLargestF16 = 65504;

struct OpRange {
  OpId op;
  std::string kernel;
  Phase phase = Phase::kPrefill;
  int64_t outputs = 0;  // tensors seen
  int64_t nan = 0, inf = 0;
  double max_abs = 0;  // of the finite values
  int layer = -1;      // where max_abs was; -1: outside the layers
  /// 65504 / max|x|: below 1, fp16 storage would overflow. Inf when everything was 0.
  double f16_headroom() const { return kLargestF16 / max_abs; }
};

/// What was seen of one model, in the order in which its ops ran first.
struct Stability {
  std::vector<OpRange> ranges;
  std::string first_nonfinite;  // "op linear, kernel eigen, layer 3": where from; "" when none

  int64_t nonfinite() const;
  /// The op nearest to fp16 overflow, of one phase where one is given; null when nothing was seen.
  const OpRange* largest(std::optional<Phase> phase = {}) const;
};

/// Not moved once its observer is in use.
class StabilityWatch {
 public:
  /// An observer for Backend::observers; refers to this object.
  OpObserver observer();
  const Stability& seen() const { return seen_; }

 private:
  void add(Backend& backend, const OpOutput& output);

  Stability seen_;
  std::vector<float> host_;
};

/// {"nan", "inf", "max_abs", "f16_headroom", "first_nonfinite", "ops": [{"op", "kernel", "phase", "outputs",
/// "nan", "inf", "max_abs", "layer", "f16_headroom"}]}.
OrderedJson to_json(const Stability& stability);

/// "prefill embed=panel_gather linear=...; decode ...": every kernel that ran, in the order of the ops.
std::string kernels_text(const Stability& stability);

}  // namespace qwench::bench
