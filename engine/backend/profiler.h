// Time and cost by phase, op and kernel. Fixed arrays: recording allocates nothing.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/backend/kernel.h"
#include "engine/ops/ops.h"

namespace qwench {

enum class Phase : uint8_t { kPrefill, kDecode };
constexpr int kPhases = 2;
constexpr std::string_view name_of(Phase p) { return p == Phase::kPrefill ? "prefill" : "decode"; }

struct OpRecord {
  std::string_view op, kernel;
  int64_t calls = 0;
  int64_t ns = 0;  // own time; for "composed" the time not spent in the parts
  OpCost cost;     // zero for "composed": the parts have it
  InputPrecision inputs = InputPrecision::kF32;
};

class Profiler {
 public:
  static constexpr int kMaxKernels = 64;  // per op; the last place is "composed"
  static constexpr int kComposed = kMaxKernels - 1;

  void record(Phase phase, OpId op, int place, std::string_view kernel, InputPrecision inputs,
              int64_t ns, OpCost cost) {
    OpRecord& r = records_[size_t(phase)][size_t(op)][size_t(place)];
    r.op = name_of(op), r.kernel = kernel, r.inputs = inputs;
    r.calls++, r.ns += ns, r.cost.flops += cost.flops, r.cost.bytes += cost.bytes;
    total_ns_ += ns;
  }
  /// The records with at least one call, in op order.
  std::vector<OpRecord> records(Phase phase) const;
  /// All time recorded so far; a composition subtracts its parts with it.
  int64_t total_ns() const { return total_ns_; }
  void reset() { *this = Profiler(); }

 private:
  std::array<std::array<std::array<OpRecord, kMaxKernels>, kNumOps>, kPhases> records_{};
  int64_t total_ns_ = 0;
};

}  // namespace qwench
