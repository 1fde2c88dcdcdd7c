// The measured ceilings of the machine, as doctor, bench and kernels report them.
#pragma once
#include "cpu/probes.h"
#include "engine/json.h"
#include "engine/op.h"

namespace qwench::bench {

/// The higher of two measurements of every probe: another program can slow a probe down, nothing
/// can make it faster than the machine.
cpu::Roofline higher(const cpu::Roofline& a, const cpu::Roofline& b);

/// {"name", "kernel", "per_second", "unit", "limit_per_second", "percent_of_limit", "threads"}.
OrderedJson to_json(const cpu::Probe& probe);
/// {"dram_read", "fp32_fma", "int8", "int8_vnni" (null where there is none), "clock_hz"}.
OrderedJson to_json(const cpu::Roofline& roofline);

/// "38.1 GB/s (avx2_8streams)": for people.
std::string probe_text(const cpu::Probe& probe);

/// 0-100: the bytes at the measured read bandwidth as a part of the time taken.
double percent_of_bandwidth(int64_t bytes, int64_t ns, const cpu::Roofline& roofline);
/// 0-100: the operations at the measured fp32 FMA peak as a part of the time taken.
double percent_of_peak(int64_t flops, int64_t ns, const cpu::Roofline& roofline);
/// The same of the measured int8 peak (VNNI, else maddubs + madd + add), a multiply-add being two
/// operations.
double percent_of_int8_peak(int64_t flops, int64_t ns, const cpu::Roofline& roofline);

}  // namespace qwench::bench
