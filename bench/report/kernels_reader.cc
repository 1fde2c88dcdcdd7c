// Results of `qwench kernels`: speed and error of every kernel in one row.
#include <fmt/format.h>

#include "bench/report/collected.h"

namespace qwench::bench::report {

namespace {

Section kernel_section() {
  Section section{
      "kernels",
      "Kernels",
      {text_column("op"), text_column("kernel"), text_column("weights"), text_column("shape"),
       number_column("tokens"), number_column("threads"), number_column("time, median", "us"),
       number_column("ratio to baseline"), number_column("lower", "95 %"),
       number_column("upper", "95 %"), number_column("rate", "GB/s"),
       number_column("rate", "GFLOP/s"), number_column("of the roofline", "%"),
       number_column("max |error|"), number_column("NMSE"), verdict_column("verdict")}};
  section.telling = {13, 14};
  return section;
}

Section refused_section() {
  return {"refused_kernels",
          "Kernels that did not run",
          {text_column("op"), text_column("kernel"), text_column("weights"), text_column("shape"),
           text_column("why")}};
}

std::string type_of(const Field& row) {
  const std::string type = row.find_text("dtype");  // none: the op reads activations only
  return type.empty() ? "-" : type;
}

/// Ops without weights say what their figures depend on in words.
std::string shape_of(const Field& row) {
  const std::string shape = row.find_text("shape");
  if (!shape.empty()) return shape;
  return fmt::format("{}x{}", row.at("out").integer(), row.at("in").integer());
}

Cell scaled_cell(const Field& row, std::string_view key, double factor) {
  const std::optional<double> value = row.find_number(key);
  return value ? Cell(*value * factor) : Cell(Missing{"not timed"});
}

/// The words of the comparison; "WRONG" before all.
std::string verdict_of(const Field& row, const std::optional<Field>& paired) {
  if (!row.find_flag("correct", true)) return "wrong result";
  return paired ? paired->at("verdict").text() : "baseline";
}

void add_row(const Field& row, Collected& to) {
  const std::optional<Field> ns = row.find("ns"), paired = row.find("against_baseline");
  const std::optional<Interval> ci = paired ? find_interval(*paired, "ci95") : std::nullopt;
  const auto end = [&](double Interval::*which) { return end_of(ci, which, "no interval"); };
  const Cell time = ns ? Cell(read_sampled(*ns).median * 1e-3) : Cell(Missing{"not timed"});
  to.section(kernel_section())
      .add({row.at("op").text(), row.at("kernel").text(), type_of(row), shape_of(row),
            row.at("tokens").number(), row.at("threads").number(), time,
            scaled_cell(row, "ratio_to_baseline", 1), end(&Interval::lo), end(&Interval::hi),
            scaled_cell(row, "bytes_per_second", 1e-9), scaled_cell(row, "flops_per_second", 1e-9),
            scaled_cell(row, "percent_of_roofline", 1), cell_at(row, "max_abs_error"),
            cell_at(row, "nmse"), verdict_of(row, paired)});
}

void add_bar(const Field& row, const Sampled& us, Collected& to) {
  Chart& chart = to.chart("kernels", "Kernels");
  if (chart.panels.empty()) {
    chart.panels.push_back({"Time of one call", PanelKind::kBar, "", "", {}, {{"median", {}}}});
    chart.panels.back().unit = "us";
    chart.panels.push_back(
        {"Part of the measured roofline", PanelKind::kBar, "", "%", {}, {{"median", {}}}});
  }
  const auto add = [&](Panel& panel, double y, std::optional<Interval> interval) {
    panel.series[0].points.push_back({double(panel.categories.size()), y, interval});
    panel.categories.push_back(fmt::format("{} {}, {}, {} tokens", row.at("kernel").text(),
                                           type_of(row), shape_of(row),
                                           row.at("tokens").integer()));
  };
  add(chart.panels[0], us.median, us.ci95);
  if (const auto percent = row.find_number("percent_of_roofline"))
    add(chart.panels[1], *percent, std::nullopt);
}

}  // namespace

void read_kernels(const Field& root, size_t source, Collected& to) {
  for (const Field& row : root.at("rows").items()) {
    auto refused = row.find("refused");
    if (!refused) refused = row.find("failed");
    if (refused) {
      to.section(refused_section())
          .add({row.at("op").text(), row.at("kernel").text(), type_of(row), shape_of(row),
                refused->text()});
      continue;
    }
    add_row(row, to);
    const std::optional<Field> ns = row.find("ns");
    if (!ns) continue;
    const Sampled us = scaled(read_sampled(*ns), 1e-3);
    const std::string mode = fmt::format("{} {} {} {}", row.at("op").text(),
                                         row.at("kernel").text(), type_of(row), shape_of(row));
    to.measurements.push_back({source, mode, "kernels",
                               fmt::format("one call, {} tokens, {} threads",
                                           row.at("tokens").integer(), row.at("threads").integer()),
                               "us", Quantity::kLatency, us});
    add_bar(row, us, to);
  }
}

}  // namespace qwench::bench::report
