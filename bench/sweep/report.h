// A finished benchmark as a JSON document, as CSV and as tables. The JSON field names are relied on
// by scripts; a change of meaning raises kSchemaVersion.
#pragma once
#include <string>
#include <vector>

#include "bench/kernels/kernel_list.h"
#include "bench/machine/energy/energy_meter.h"
#include "bench/sweep/case.h"
#include "engine/backend/probes.h"

namespace qwench::bench {

constexpr int kSchemaVersion = 1;

struct BenchRow {
  int threads = 0;
  CaseResult result;
  Ceilings roofline;                    // measured before and after the cases of this thread count
  std::optional<EnergyFigures> energy;  // none: not asked for
};

struct BenchReport {
  std::string model, dtype, kv_dtype, backend;
  OrderedJson config;                                      // the resolved options
  std::vector<KernelRow> prefill_kernels, decode_kernels;  // chosen: those that ran in a row
  std::vector<BenchRow> rows;
  bool interrupted = false;
};

struct BenchOptions;

/// Runs what is asked for; cases that were finished when interrupted. UsageError, Error.
BenchReport measure_bench(const BenchOptions& options);

/// The `config` block that measure_bench() will write, but for the hashes of files, without measuring. UsageError, Error.
OrderedJson bench_config(const BenchOptions& options);

/// 0-100: decode against the read bandwidth measured between its runs, prefill op by op against the
/// measured peak of the op's arithmetic.
double percent_of_roofline(const BenchRow& row);

OrderedJson row_json(const BenchReport& report, const BenchRow& row);
OrderedJson report_json(const BenchReport& report);
std::string report_csv(const BenchReport& report);
std::string report_text(const BenchReport& report);

}  // namespace qwench::bench
