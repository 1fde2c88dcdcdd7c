// The JSON and CSV forms; tables.cc has the form for people.
#include "bench/sweep/report.h"

#include "bench/machine/ceilings.h"
#include "bench/machine/environment.h"
#include "bench/support/output.h"

namespace qwench::bench {

namespace {

OrderedJson ops_json(const std::vector<OpRecord>& ops) {
  OrderedJson list = OrderedJson::array();
  for (const OpRecord& r : ops)
    list.push_back({{"op", r.op},
                    {"kernel", r.kernel},
                    {"calls", r.calls},
                    {"ns", r.ns},
                    {"bytes", r.cost.bytes},
                    {"flops", r.cost.flops},
                    {"inputs", name_of(r.inputs)}});
  return list;
}

OrderedJson memory_json(const MemoryCounters& memory) {
  OrderedJson kinds = OrderedJson::object();
  for (size_t i = 0; i < kMemoryKinds; ++i)
    kinds[std::string(kMemoryKindNames[i])] = {{"now", memory.now[i]}, {"peak", memory.peak[i]}};
  return kinds;
}

OrderedJson roofline_list(const std::vector<BenchRow>& rows) {
  OrderedJson list = OrderedJson::array();
  int threads = 0;
  for (const BenchRow& row : rows) {
    if (row.threads == threads) continue;
    threads = row.threads;
    OrderedJson entry = {{"threads", threads}};
    entry.update(to_json(row.roofline));
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

double percent_of_roofline(const BenchRow& row) {
  const CaseResult& r = row.result;
  if (r.phase == Phase::kPrefill) {  // each op against the peak of its own arithmetic
    double percent = 0;
    for (const OpRecord& op : r.ops)
      percent += percent_of_peak(op.cost.flops, r.wall_ns, op.inputs, row.roofline);
    return percent;
  }
  Ceilings roofline = row.roofline;
  if (r.read_bandwidth > 0) roofline.dram_read.per_second = r.read_bandwidth;
  return percent_of_bandwidth(r.cost().bytes, r.wall_ns, roofline);
}

OrderedJson row_json(const BenchReport& report, const BenchRow& row) {
  const CaseResult& r = row.result;
  OrderedJson json = {{"model", report.model},
                      {"dtype", report.dtype},
                      {"kv_dtype", report.kv_dtype},
                      {"backend", report.backend},
                      {"threads", row.threads},
                      {"batch", r.batch},
                      {"depth", r.depth},
                      {"phase", name_of(r.phase)},
                      {"n_tokens", r.n_tokens},
                      {"tokens_per_second", to_json(r.tokens_per_second)}};
  if (r.phase == Phase::kPrefill) {
    json["ttft_ns"] = int64_t(r.ttft_ns.median);
    json["ttft_ns_values"] = r.ttft_ns.values;
  }
  json["percent_of_roofline"] = percent_of_roofline(row);
  if (r.phase == Phase::kDecode)
    json["read_bytes_per_second"] = number_or_null(r.read_bandwidth, r.read_bandwidth > 0);
  json["warmup"] = {{"runs", r.warm_up.runs},
                    {"ns", r.warm_up.ns},
                    {"first_ns", number_or_null(double(r.warm_up.first_ns), r.warm_up.runs > 0)},
                    {"converged", r.warm_up.converged}};
  json["telemetry"] = OrderedJson::array();
  for (const RunTelemetry& run : r.telemetry)
    json["telemetry"].push_back(to_json(run, row.threads));
  if (row.energy) json["energy"] = to_json(*row.energy);
  json["wall_ns"] = r.wall_ns, json["ops_wall_ns"] = r.ops_wall_ns;
  json["output_hash"] = fmt::format("{:016x}", r.output_hash);
  json["memory"] = memory_json(r.memory);
  json["ops"] = ops_json(r.ops);
  return json;
}

OrderedJson report_json(const BenchReport& report) {
  OrderedJson rows = OrderedJson::array();
  for (const BenchRow& row : report.rows) rows.push_back(row_json(report, row));
  return {{"schema_version", kSchemaVersion},
          {"command", "bench"},
          {"environment", environment_block()},
          {"config", report.config},
          {"roofline", roofline_list(report.rows)},
          {"kernels",
           {{"prefill", kernel_choices(report.prefill_kernels)},
            {"decode", kernel_choices(report.decode_kernels)}}},
          {"interrupted", report.interrupted},
          {"rows", rows}};
}

std::string report_csv(const BenchReport& report) {
  std::string csv =
      "model,dtype,kv_dtype,backend,threads,batch,depth,phase,n_tokens,tokens_per_second_median,"
      "tokens_per_second_min,tokens_per_second_max,ttft_ns,percent_of_roofline,wall_ns";
  for (std::string_view kind : kMemoryKindNames) csv += fmt::format(",{}_peak_bytes", kind);
  csv += "\n";
  for (const BenchRow& row : report.rows) {
    const CaseResult& r = row.result;
    const bool prefill = r.phase == Phase::kPrefill;
    csv += fmt::format("{},{},{},{},{},{},{},{},{},{:.6g},{:.6g},{:.6g},{},{:.4g},{}",
                       csv_cell(report.model), report.dtype, report.kv_dtype, report.backend,
                       row.threads, r.batch, r.depth, name_of(r.phase), r.n_tokens,
                       r.tokens_per_second.median, r.tokens_per_second.min, r.tokens_per_second.max,
                       prefill ? fmt::format("{}", int64_t(r.ttft_ns.median)) : "",
                       percent_of_roofline(row), r.wall_ns);
    for (int64_t bytes : r.memory.peak) csv += fmt::format(",{}", bytes);
    csv += "\n";
  }
  return csv;
}

}  // namespace qwench::bench
