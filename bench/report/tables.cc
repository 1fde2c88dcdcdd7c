// The two forms of a number: rounded for people, exact for programs.
#include "bench/report/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/check.h"

namespace qwench::bench::report {

void Section::add(std::vector<Cell> cells) {
  QWENCH_CHECK(cells.size() == columns.size());
  for (Cell& cell : cells)
    if (const auto* number = std::get_if<double>(&cell); number && !std::isfinite(*number))
      cell = Missing{"too large a number"};
  rows.push_back(std::move(cells));
}

std::string_view name_of(PanelKind kind) {
  switch (kind) {
    case PanelKind::kBar: return "bar";
    case PanelKind::kLine: return "line";
    case PanelKind::kScatter: return "scatter";
    default: return "histogram";
  }
}

const Section* Report::find(std::string_view id) const {
  const auto at =
      std::find_if(sections.begin(), sections.end(), [&](const Section& s) { return s.id == id; });
  return at == sections.end() ? nullptr : &*at;
}

const Chart* Report::find_chart(std::string_view id) const {
  const auto at =
      std::find_if(charts.begin(), charts.end(), [&](const Chart& c) { return c.id == id; });
  return at == charts.end() ? nullptr : &*at;
}

std::string heading(const Column& column) {
  return column.unit.empty() ? column.name : fmt::format("{} ({})", column.name, column.unit);
}

std::string y_label(const Panel& panel) {
  if (panel.unit.empty()) return panel.y_label;
  return panel.y_label.empty() ? panel.unit : fmt::format("{} ({})", panel.y_label, panel.unit);
}

std::string display(double value) {
  const double size = std::fabs(value);
  const bool whole = value == std::floor(value);
  if (size < 1e15 && (whole || size >= 1000)) return fmt::format("{:.0f}", value);
  return fmt::format("{:.4g}", value);
}

std::string display(const Cell& cell) {
  if (const auto* number = std::get_if<double>(&cell)) return display(*number);
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return "-";
}

Cell text_cell(const std::string& text) {
  return text.empty() ? Cell(Missing{"the file does not say"}) : Cell(text);
}

std::string exact(double value) { return fmt::format("{}", value); }

Cell cell_of(const std::optional<double>& value, std::string reason) {
  if (value && std::isfinite(*value)) return *value;
  return Missing{std::move(reason)};
}

}  // namespace qwench::bench::report
