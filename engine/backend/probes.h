// What a device can do at most, measured on it by its own backend: what every percentage of a ceiling is a percentage
// of. Each figure is that of the fastest of several loops which do nothing but what is measured.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend/kernel.h"

namespace qwench {

struct Probe {
  std::string name;       // "dram_read", "fp32_fma", "int8_maddubs"; "": there is none here
  std::string kernel;     // the fastest of several probe kernels, e.g. "avx2_12chains"
  double per_second = 0;  // bytes or operations, median of the best kernel's runs; 0: not measured
  double limit = 0;       // per-cycle limit x measured clock; 0 where there is none
  std::string unit;       // "B/s" or "op/s"
  int threads = 1;
};

struct Ceilings {
  Probe dram_read;      // streaming read of a buffer far larger than the last-level cache
  Probe fp32_fma;       // a multiply-add is two operations, in the widest vectors
  Probe bf16;           // dot products of bf16, where the device has an instruction for them
  Probe int8;           // products of int8 by what every device of its kind has
  Probe int8_dot;       // dot products of int8, where the device has an instruction for them
  double clock_hz = 0;  // of one busy core

  /// The fastest arithmetic for inputs of that precision.
  const Probe& peak(InputPrecision inputs) const {
    if (inputs == InputPrecision::kF32) return fp32_fma;
    if (inputs == InputPrecision::kBF16) return bf16.per_second > 0 ? bf16 : fp32_fma;
    return int8_dot.per_second > int8.per_second ? int8_dot : int8;
  }
};

enum class StreamOp : unsigned char { kRead, kWrite, kCopy, kTriad };
constexpr std::array<std::string_view, 4> kStreamOpNames = {"read", "write", "copy", "triad"};

struct StreamRate {
  std::string kernel;                    // the fastest of several, e.g. "avx2_streaming"
  std::vector<double> bytes_per_second;  // of all threads together: the bytes that the op names,
                                         // not the lines that a store fetches besides
};

/// How fast working sets of any size are read, written and copied: what every level of the memory gives.
class StreamProbe {
 public:
  virtual ~StreamProbe() = default;
  /// Races the kernels for about `seconds`, then times `runs` passes of the winner. working_set: bytes
  /// of one thread, over all arrays of the op together; at least 16 KiB, at most what was made room for.
  virtual StreamRate measure(StreamOp op, int64_t working_set, int runs, double seconds) = 0;
};

/// What passes from a call until all threads work on it: right after another one, and after a pause.
struct StartLatency {
  std::vector<double> awake_ns, asleep_ns;
  int late = 0;  // calls that a thread did not come to in time
};

/// The probes of one backend, on as many threads as it has. Not to outlive it, nor to run while it does.
class Probes {
 public:
  virtual ~Probes() = default;
  /// All of them; takes about `seconds`.
  virtual Ceilings ceilings(double seconds) = 0;
  /// dram_read alone, to be taken again and again: on a shared machine the bandwidth moves within seconds, so what
  /// is compared with it is measured between two readings.
  virtual Probe read(double seconds) = 0;
  /// With room for working sets of up to `largest` bytes a thread. Error where there is none. Not to outlive this.
  virtual std::unique_ptr<StreamProbe> streams(int64_t largest) = 0;
  /// Takes about runs * 12 ms. Nothing is measured where there is nobody to wait for.
  virtual StartLatency start_latency(int runs) = 0;
};

}  // namespace qwench
