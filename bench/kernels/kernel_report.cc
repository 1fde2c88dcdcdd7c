// What is not known is left out of a row, never shown as 0.
#include "bench/kernels/kernel_report.h"

#include <algorithm>
#include <cmath>

#include "bench/kernels/kernel_list.h"
#include "bench/machine/ceilings.h"
#include "bench/machine/environment.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "bench/support/table.h"
#include "bench/sweep/report.h"

namespace qwench::bench {

namespace {

constexpr double kMostPercent = 100;

/// Why there is no verdict, as a sign in the table: the interval holds 1; the baseline differs as much from itself;
/// or neither, and the few rounds leave more than the allowed chance of an error.
enum class Open : unsigned char { kNo, kEqual, kNoise, kFewRuns };
constexpr const char* kSigns[] = {"", " =", " ~", " ?"};

Open open_of(const Paired& p) {
  if (p.verdict != Verdict::kNotSeparated) return Open::kNo;
  if (!p.ci95) return Open::kFewRuns;
  if (p.ci95->lo <= 1 && p.ci95->hi >= 1) return Open::kEqual;
  return std::fabs(p.ratio - 1) <= p.noise_floor ? Open::kNoise : Open::kFewRuns;
}

/// "1.52x [1.50, 1.54]".
std::string ratio_text(const std::optional<Paired>& p) {
  if (!p) return "-";
  std::string text = fmt::format("{:.2f}x", p->ratio);
  if (p->ci95) text += fmt::format(" [{:.2f}, {:.2f}]", p->ci95->lo, p->ci95->hi);
  return text + kSigns[size_t(open_of(*p))];
}

/// The signs that stand in the table.
std::string signs_text(const KernelReport& report) {
  constexpr const char* kMeanings[] = {
      "", "\n=: not separated from the baseline, whose 1 is in the interval",
      "\n~: not separated from the baseline, which differs as much from itself in this run",
      "\n?: too few runs for a verdict; a larger --seconds gives more"};
  std::string text;
  for (const Open open : {Open::kEqual, Open::kNoise, Open::kFewRuns})
    if (std::any_of(report.results.begin(), report.results.end(), [&](const KernelResult& r) {
          return r.row.against_baseline && open_of(*r.row.against_baseline) == open;
        }))
      text += kMeanings[size_t(open)];
  return text;
}

std::string percent_text(const std::optional<double>& percent) {
  if (!percent) return "-";
  return *percent > kMostPercent ? "> 100" : fmt::format("{:.1f}", *percent);
}

/// What a plug-in did, without its name, which begins every message about it.
std::string what_failed(const std::string& failure) {
  const size_t end = failure.find(": ", failure.find(": kernel ") + 1);
  return end == std::string::npos ? failure : failure.substr(end + 2);
}

std::string note_of(const ContestRow& r) {
  if (!r.refusal.empty()) return r.refusal;
  if (!r.failure.empty()) return "FAILED: " + what_failed(r.failure);
  if (!r.wrong.empty()) return "WRONG: " + r.wrong;
  if (r.ns.values.empty()) return "interrupted";
  std::string note = r.ns.values.size() == 1 ? "one run" : "";
  if (!r.plugin.empty()) note += (note.empty() ? "plug-in " : ", plug-in ") + r.plugin;
  return note;
}

const char* state_of(const ContestRow& r) {
  if (!r.refusal.empty()) return "refused";
  if (!r.failure.empty()) return "failed";
  if (!r.wrong.empty()) return "wrong";
  return r.ns.values.empty() ? "interrupted" : "timed";
}

std::string type_text(OpId op, const OpSizes& sizes) {
  const std::optional<DType> type = type_of(op, sizes);
  return type ? std::string(name_of(*type)) : "";
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

void add_row(Table& table, const KernelReport& report, const KernelResult& result) {
  const ContestRow& r = result.row;
  const bool timed = r.runs() && !r.ns.values.empty();
  const bool compared = r.refusal.empty() && r.failure.empty();
  const auto if_timed = [&](const std::string& text) { return timed ? text : "-"; };
  const auto rate = [&](int64_t amount) {
    return timed && amount ? format_number(double(amount) / r.ns.median) : "-";
  };
  table.add({or_dash(type_text(report.op, result.sizes)), shape_text(report.op, result.sizes),
             r.kernel, std::to_string(result.sizes.n_tokens), if_timed(format_ns(r.ns.median)),
             if_timed(ratio_text(r.against_baseline)), rate(r.cost.bytes), rate(r.cost.flops),
             percent_text(percent_of_roofline(report, r)),
             compared ? fmt::format("{:.2e}", r.max_abs_error) : "-",
             compared ? fmt::format("{:.1e}", r.nmse) : "-", note_of(r)});
}

std::string legend(const KernelReport& report) {
  std::string text =
      "vs: how many times as fast as the baseline, with the 95 % interval" + signs_text(report);
  if (above_ceilings(report))
    text +=
        "\n> 100: faster than the ceilings, twice measured; another program had the machine then";
  if (report.interrupted) text += "\ninterrupted: what was finished";
  for (const KernelResult& r : report.results)
    if (!r.row.failure.empty()) text += "\nfailed: " + r.row.failure;
  return text + "\n";
}

OrderedJson row_json(const KernelReport& report, const KernelResult& result) {
  const ContestRow& r = result.row;
  const OpSizes& s = result.sizes;
  const std::optional<MatrixSize> matrix = matrix_of(report.op, s);
  OrderedJson json = {{"op", name_of(report.op)},
                      {"kernel", r.kernel},
                      {"dtype", text_or_null(type_text(report.op, s))},
                      {"shape", shape_text(report.op, s)},
                      {"out", matrix ? OrderedJson(matrix->out) : OrderedJson(nullptr)},
                      {"in", matrix ? OrderedJson(matrix->in) : OrderedJson(nullptr)},
                      {"tokens", s.n_tokens},
                      {"threads", report.settings.threads},
                      {"plugin", text_or_null(r.plugin)},
                      {"refused", text_or_null(r.refusal)},
                      {"failed", text_or_null(without_home(r.failure))}};
  if (!r.refusal.empty() || !r.failure.empty()) return json;
  json["correct"] = r.wrong.empty();
  json["wrong"] = text_or_null(r.wrong);
  json["max_abs_error"] = finite_or_null(r.max_abs_error);
  json["max_ulp"] = finite_or_null(r.max_ulp);
  json["nmse"] = finite_or_null(r.nmse);
  json["nmse_limit"] = r.nmse_limit;
  json["bytes"] = r.cost.bytes, json["flops"] = r.cost.flops;
  if (r.ns.values.empty() || !r.runs()) return json;
  json["ns"] = to_json(r.ns);
  const std::optional<Paired>& paired = r.against_baseline;
  json["ratio_to_baseline"] = number_or_null(paired ? paired->ratio : 0, paired.has_value());
  json["against_baseline"] = paired ? to_json(*paired) : OrderedJson(nullptr);
  json["bytes_per_second"] = double(r.cost.bytes) * 1e9 / r.ns.median;
  json["flops_per_second"] = double(r.cost.flops) * 1e9 / r.ns.median;
  const std::optional<double> percent = percent_of_roofline(report, r);
  json["percent_of_roofline"] =
      number_or_null(percent.value_or(0), percent && *percent <= kMostPercent);
  json["above_ceilings"] = percent && *percent > kMostPercent;
  return json;
}

std::string row_csv(const KernelReport& report, const KernelResult& result) {
  const ContestRow& r = result.row;
  const bool timed = r.runs() && !r.ns.values.empty();
  const auto number = [](double value, bool known) {
    return known ? fmt::format("{:.6g}", value) : std::string();
  };
  const std::optional<Paired>& paired = r.against_baseline;
  const std::optional<double> percent = percent_of_roofline(report, r);
  const bool compared = r.refusal.empty() && r.failure.empty();
  return fmt::format(
      "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", name_of(report.op), r.kernel,
      csv_cell(r.plugin), type_text(report.op, result.sizes),
      csv_cell(shape_text(report.op, result.sizes)), result.sizes.n_tokens, report.settings.threads,
      state_of(r), csv_cell(timed ? "" : note_of(r)), number(r.ns.median, timed),
      number(r.ns.min, timed), number(r.ns.max, timed),
      number(paired ? paired->ratio : 0, timed && paired),
      timed && paired ? name_of(paired->verdict) : "",
      number(double(r.cost.bytes) * 1e9 / r.ns.median, timed),
      number(double(r.cost.flops) * 1e9 / r.ns.median, timed),
      number(percent.value_or(0), percent && *percent <= kMostPercent),
      number(r.max_abs_error, compared), number(r.nmse, compared), number(r.nmse_limit, compared));
}

}  // namespace

bool KernelReport::any_wrong() const {
  return std::any_of(results.begin(), results.end(),
                     [](const KernelResult& r) { return !r.row.wrong.empty(); });
}

bool KernelReport::any_failed() const {
  return std::any_of(results.begin(), results.end(),
                     [](const KernelResult& r) { return !r.row.failure.empty(); });
}

std::optional<double> percent_of_roofline(const KernelReport& report, const ContestRow& row) {
  if (!row.runs() || row.ns.values.empty()) return std::nullopt;
  const auto ns = std::max<int64_t>(1, int64_t(row.ns.median));
  double percent = percent_of_peak(row.cost.flops, ns, row.inputs, report.roofline);
  if (report.settings.cold)
    percent = std::max(percent, percent_of_bandwidth(row.cost.bytes, ns, report.roofline));
  if (percent <= 0) return std::nullopt;
  return percent;
}

bool above_ceilings(const KernelReport& report) {
  return std::any_of(report.results.begin(), report.results.end(), [&](const KernelResult& r) {
    return percent_of_roofline(report, r.row).value_or(0) > kMostPercent;
  });
}

std::string report_text(const KernelReport& report) {
  const ContestSettings& c = report.settings;
  Table table({"<dtype", "<shape", "<kernel", "tokens", "time", "vs " + c.baseline, "GB/s",
               "GFLOP/s", "% roofline", "max |error|", "NMSE", "<note"});
  for (const KernelResult& r : report.results)
    // A type's own kernels are what there is to see; of the others the JSON has every one.
    if (!of_other_weights(r.row.refusal)) add_row(table, report, r);
  return fmt::format(
      "{}\n{}, {} threads, {} inputs, error against `reference`\n\n{}\n{}measured: {}\n",
      environment_line(), name_of(report.op), c.threads,
      c.cold ? "cold (from memory)" : "hot (in the cache)", table.to_string(), legend(report),
      ceilings_text(report.roofline));
}

OrderedJson report_json(const KernelReport& report) {
  OrderedJson rows = OrderedJson::array();
  for (const KernelResult& r : report.results) rows.push_back(row_json(report, r));
  return {{"schema_version", kSchemaVersion},
          {"command", "kernels"},
          {"environment", environment_block()},
          {"config", report.config},
          {"roofline", to_json(report.roofline)},
          {"interrupted", report.interrupted},
          {"rows", rows}};
}

std::string report_csv(const KernelReport& report) {
  std::string csv =
      "op,kernel,plugin,dtype,shape,tokens,threads,state,reason,ns_median,ns_min,ns_max,"
      "ratio_to_baseline,verdict,bytes_per_second,flops_per_second,percent_of_roofline,"
      "max_abs_error,nmse,nmse_limit\n";
  for (const KernelResult& r : report.results) csv += row_csv(report, r);
  return csv;
}

}  // namespace qwench::bench
