// The machine's ceilings, measured: what percent_of_roofline is a percent of.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend/kernel.h"

namespace qwench::cpu {

struct Probe {
  std::string
      name;  // "dram_read", "fp32_fma", "bf16_dot", "int8_maddubs", "int8_vnni", "int8_scalar"
  std::string kernel;     // the fastest of several probe kernels, e.g. "avx2_12chains"
  double per_second = 0;  // bytes/s or operations/s, median of the best kernel's runs
  double limit = 0;       // per-cycle limit x measured clock; 0 where there is none
  std::string unit;       // "B/s" or "op/s"
  int threads = 1;
};

struct Roofline {
  Probe dram_read;      // streaming read of a buffer far larger than the last-level cache
  Probe fp32_fma;       // 2 flop x lanes x FMA ports, in the widest vectors
  Probe bf16;           // vdpbf16ps; no name and no figures where there is none
  Probe int8;           // maddubs + madd + add
  Probe int8_vnni;      // vpdpbusd, 256 or 512 bit; no name and no figures where there is none
  double clock_hz = 0;  // of one busy core, from a dependent-add chain

  /// The fastest arithmetic for inputs of that precision.
  const Probe& peak(InputPrecision inputs) const {
    if (inputs == InputPrecision::kF32) return fp32_fma;
    if (inputs == InputPrecision::kBF16) return bf16.per_second > 0 ? bf16 : fp32_fma;
    return int8_vnni.per_second > int8.per_second ? int8_vnni : int8;
  }
};

/// The read probe alone, ready to run again and again: on a shared machine the bandwidth moves within
/// seconds, so what is compared with it is measured between two of its readings.
class ReadMeter {
 public:
  explicit ReadMeter(int threads);
  ~ReadMeter();
  ReadMeter(const ReadMeter&) = delete;
  ReadMeter& operator=(const ReadMeter&) = delete;

  /// Takes about `seconds`; per_second is 0 where there is too little memory to measure.
  Probe measure(double seconds);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Runs the probes on `threads` threads; takes about `seconds` in all.
Roofline measure_roofline(int threads, double seconds = 1.0);

}  // namespace qwench::cpu
