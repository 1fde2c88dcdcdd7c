// The measured ceilings of the machine, as doctor, bench and kernels report them.
#pragma once
#include "bench/model/model_options.h"
#include "engine/backend/probes.h"
#include "engine/base/json.h"
#include "engine/ops/ops.h"

namespace qwench::bench {

/// Those of a backend of the kind that the options name, with so many threads; in about `seconds`. No plug-in of the
/// options is loaded.
Ceilings measure_ceilings(const ModelOptions& options, int threads, double seconds);

/// The higher of two measurements of every probe: another program can slow a probe down, nothing
/// can make it faster than the machine.
Ceilings higher(const Ceilings& a, const Ceilings& b);

/// {"name", "kernel", "per_second", "unit", "limit_per_second", "percent_of_limit", "threads"}.
OrderedJson to_json(const Probe& probe);
/// {"dram_read", "fp32_fma", "bf16_dot", "int8", "int8_vnni", "clock_hz"}; bf16_dot and int8_vnni are null
/// where there is none.
OrderedJson to_json(const Ceilings& roofline);

/// "read 38.1 GB/s (avx2_8streams), fp32 FMA ...": for people.
std::string ceilings_text(const Ceilings& roofline);

/// 0-100: the bytes at the measured read bandwidth as a part of the time taken.
double percent_of_bandwidth(int64_t bytes, int64_t ns, const Ceilings& roofline);
/// 0-100: the operations at the measured peak of the arithmetic that a kernel with such inputs does, as
/// a part of the time taken; a multiply-add is two operations.
double percent_of_peak(int64_t flops, int64_t ns, InputPrecision inputs, const Ceilings& roofline);

}  // namespace qwench::bench
