// The benchmark as a person reads it: cases, where their time went, memory, kernels, ceilings.
#include "bench/machine/ceilings.h"
#include "bench/machine/environment.h"
#include "bench/support/table.h"
#include "bench/sweep/report.h"

namespace qwench::bench {

namespace {

constexpr size_t kMaxOpTables = 8;  // a longer sweep shows one per phase; --json has them all

std::string case_table(const BenchReport& report) {
  Table table({"<phase", "threads", "batch", "depth", "tokens", "tokens/s", "min", "max", "TTFT",
               "% roofline"});
  for (const BenchRow& row : report.rows) {
    const CaseResult& r = row.result;
    const bool prefill = r.phase == Phase::kPrefill;
    table.add({std::string(name_of(r.phase)), std::to_string(row.threads), std::to_string(r.batch),
               std::to_string(r.depth), std::to_string(r.n_tokens),
               fmt::format("{:.2f}", r.tokens_per_second.median),
               fmt::format("{:.2f}", r.tokens_per_second.min),
               fmt::format("{:.2f}", r.tokens_per_second.max),
               prefill ? format_ns(r.ttft_ns.median) : "",
               fmt::format("{:.1f}", percent_of_roofline(row))});
  }
  return table.to_string();
}

/// What makes a figure less than final: said, never hidden.
std::string doubts(const BenchReport& report) {
  std::string text;
  for (const BenchRow& row : report.rows) {
    const CaseResult& r = row.result;
    const std::string which =
        fmt::format("{} of {} tokens, batch {}, depth {}, {} threads", name_of(r.phase), r.n_tokens,
                    r.batch, r.depth, row.threads);
    const std::string contaminated = contamination_text(r.telemetry, row.threads);
    if (!contaminated.empty()) text += fmt::format("contaminated: {}: {}\n", which, contaminated);
    if (r.warm_up.runs > 0 && !r.warm_up.converged)
      text += fmt::format(
          "not converged: {}: the last of {} warm-up runs still differ by more than 2 %\n", which,
          r.warm_up.runs);
    if (percent_of_roofline(row) > 100)
      text += fmt::format(
          "beyond the roofline: {}: what it reads stays in a cache, or the ceiling was measured "
          "while "
          "the\n  machine was busy: the percentage means nothing\n",
          which);
    if (unstable(r.tokens_per_second.values))
      text += fmt::format(
          "unstable: {}: the standard deviation is {:.0f} % of the mean; other programs, the "
          "clock\n"
          "  or the temperature may be the cause; more --runs, or a quiet machine\n",
          which,
          100 * standard_deviation(r.tokens_per_second.values) / mean(r.tokens_per_second.values));
  }
  return text;
}

std::string energy_lines(const BenchReport& report) {
  std::string text;
  for (const BenchRow& row : report.rows) {
    if (!row.energy) continue;
    if (row.energy->source.empty()) return "energy: " + energy_text(*row.energy) + "\n";  // of all
    text += fmt::format("energy: {} of {} tokens, batch {}, depth {}, {} threads: {}\n",
                        name_of(row.result.phase), row.result.n_tokens, row.result.batch,
                        row.result.depth, row.threads, energy_text(*row.energy));
  }
  return text;
}

std::vector<std::string> op_cells(std::string op, std::string kernel, int64_t calls, int64_t ns,
                                  OpCost cost, int64_t wall_ns) {
  const double seconds = double(ns) * 1e-9;
  const auto rate = [&](int64_t amount) {
    return amount && ns > 0 ? format_number(double(amount) / seconds / 1e9) : std::string("-");
  };
  return {std::move(op),
          std::move(kernel),
          std::to_string(calls),
          fmt::format("{:.3f}", double(ns) / 1e6),
          fmt::format("{:.1f}", wall_ns > 0 ? 100 * double(ns) / double(wall_ns) : 0),
          rate(cost.bytes),
          rate(cost.flops)};
}

std::string op_table(const BenchRow& row) {
  const CaseResult& r = row.result;
  Table table({"<op", "<kernel", "calls", "ms", "% of wall", "GB/s", "GFLOP/s"});
  int64_t calls = 0;
  for (const OpRecord& op : r.ops) {
    calls += op.calls;
    table.add(op_cells(std::string(op.op), std::string(op.kernel), op.calls, op.ns, op.cost,
                       r.ops_wall_ns));
  }
  table.add(op_cells("sum / wall", "", calls, r.ops_ns(), r.cost(), r.ops_wall_ns));
  return fmt::format(
      "\n{}, {} thread{}, batch {}, depth {}: the run nearest to the median, {} of wall "
      "time\n{}",
      name_of(r.phase), row.threads, row.threads == 1 ? "" : "s", r.batch, r.depth,
      format_ns(double(r.ops_wall_ns)), table.to_string());
}

std::string op_tables(const BenchReport& report) {
  std::string text;
  bool shown[kPhases] = {};
  for (const BenchRow& row : report.rows) {
    bool& before = shown[size_t(row.result.phase)];
    if (before && report.rows.size() > kMaxOpTables) continue;
    before = true;
    text += op_table(row);
  }
  if (report.rows.size() > kMaxOpTables) text += "(per-op tables of the other cases: --json)\n";
  return text;
}

std::string memory_table(const MemoryCounters& memory) {
  Table table({"<memory", "now", "peak"});
  int64_t now = 0, peak = 0;
  for (size_t i = 0; i < kMemoryKinds; ++i) {
    table.add({std::string(kMemoryKindNames[i]), format_bytes(memory.now[i]),
               format_bytes(memory.peak[i])});
    now += memory.now[i], peak += memory.peak[i];
  }
  table.add({"sum", format_bytes(now), format_bytes(peak)});
  return "\nlast case\n" + table.to_string();
}

std::string ceilings(const BenchReport& report) {
  std::string text = "\n";
  int threads = 0;
  for (const BenchRow& row : report.rows) {
    if (row.threads == threads) continue;
    threads = row.threads;
    text += fmt::format("measured with {} thread{}: {}\n", threads, threads == 1 ? "" : "s",
                        ceilings_text(row.roofline));
  }
  return text;
}

}  // namespace

std::string report_text(const BenchReport& report) {
  std::string text = environment_line() + "\n";
  text += fmt::format("{}, {} weights, {} keys and values, {}, seed {}, kernels {}\n\n",
                      report.model, report.dtype, report.kv_dtype, report.backend,
                      report.config.value("seed", uint64_t(0)),
                      report.config.value("kernel_policy", "default"));
  text += case_table(report);
  if (report.rows.empty()) return text + "(no case was finished)\n";
  text += doubts(report) + energy_lines(report);
  text += op_tables(report) + memory_table(report.rows.back().result.memory) + ceilings(report);
  const std::string prefill = kernel_choices_text(report.prefill_kernels),
                    decode = kernel_choices_text(report.decode_kernels);
  text += prefill == decode ? prefill : "prefill " + prefill + "decode " + decode;
  if (report.interrupted) text += "interrupted: the cases above are those that were finished\n";
  return text;
}

}  // namespace qwench::bench
