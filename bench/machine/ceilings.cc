// Percentages of what was measured, never of a data sheet.
#include "bench/machine/ceilings.h"

#include <fmt/format.h>

#include "bench/support/output.h"

namespace qwench::bench {

namespace {
const Probe& higher(const Probe& a, const Probe& b) { return b.per_second > a.per_second ? b : a; }
double percent(double amount, int64_t ns, double per_second) {
  return ns > 0 && per_second > 0 ? 100 * amount / (double(ns) * 1e-9 * per_second) : 0;
}
}  // namespace

Ceilings measure_ceilings(const ModelOptions& options, int threads, double seconds) {
  ModelOptions plain;
  plain.backend = options.backend;
  return make_backend(plain, threads)->probes()->ceilings(seconds);
}

Ceilings higher(const Ceilings& a, const Ceilings& b) {
  Ceilings best;
  best.dram_read = higher(a.dram_read, b.dram_read);
  best.fp32_fma = higher(a.fp32_fma, b.fp32_fma);
  best.bf16 = higher(a.bf16, b.bf16);
  best.int8 = higher(a.int8, b.int8);
  best.int8_dot = higher(a.int8_dot, b.int8_dot);
  best.clock_hz = a.clock_hz > b.clock_hz ? a.clock_hz : b.clock_hz;
  return best;
}

OrderedJson to_json(const Probe& p) {
  return {{"name", p.name},
          {"kernel", p.kernel},
          {"per_second", number_or_null(p.per_second, p.per_second > 0)},
          {"unit", p.unit},
          {"limit_per_second", number_or_null(p.limit, p.limit > 0)},
          {"percent_of_limit",
           number_or_null(p.limit > 0 ? 100 * p.per_second / p.limit : 0, p.limit > 0)},
          {"threads", p.threads}};
}

static OrderedJson or_null(const Probe& p) {
  return p.name.empty() ? OrderedJson(nullptr) : to_json(p);
}

OrderedJson to_json(const Ceilings& r) {
  return {{"dram_read", to_json(r.dram_read)},
          {"fp32_fma", to_json(r.fp32_fma)},
          {"bf16_dot", or_null(r.bf16)},
          {"int8", to_json(r.int8)},
          {"int8_vnni", or_null(r.int8_dot)},
          {"clock_hz", number_or_null(r.clock_hz, r.clock_hz > 0)}};
}

std::string ceilings_text(const Ceilings& r) {
  const auto text = [](const char* what, const Probe& p) {
    return fmt::format("{} {:.1f} G{} ({})", what, p.per_second / 1e9, p.unit, p.kernel);
  };
  std::string all = text("read", r.dram_read) + ", " + text("fp32 FMA", r.fp32_fma);
  if (!r.bf16.name.empty()) all += ", " + text("bf16", r.bf16);
  return all + ", " + text("int8", r.peak(InputPrecision::kInt8));
}

double percent_of_bandwidth(int64_t bytes, int64_t ns, const Ceilings& r) {
  return percent(double(bytes), ns, r.dram_read.per_second);
}

double percent_of_peak(int64_t flops, int64_t ns, InputPrecision inputs, const Ceilings& r) {
  return percent(double(flops), ns, r.peak(inputs).per_second);
}

}  // namespace qwench::bench
