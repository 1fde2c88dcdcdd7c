// One unit a column, so that numbers below each other can be compared by eye.
#include "bench/report/shown_table.h"

#include <algorithm>
#include <cmath>

#include "bench/report/units.h"

namespace qwench::bench::report {

namespace {

double size_of(const Cell& cell) {
  const auto* number = std::get_if<double>(&cell);
  return number ? std::fabs(*number) : 0;
}

ShownUnit unit_of_column(const Section& section, size_t c) {
  double largest = 0;
  for (const std::vector<Cell>& row : section.rows) largest = std::max(largest, size_of(row[c]));
  return shown_unit(section.columns[c].unit, largest);
}

/// By the median number of the row: its largest may be an outlier.
ShownUnit unit_of_row(const Section& section, const std::vector<Cell>& row) {
  std::vector<double> sizes;
  for (size_t c = 0; c < row.size(); ++c)
    if (section.columns[c].in_row_unit && size_of(row[c]) > 0) sizes.push_back(size_of(row[c]));
  std::sort(sizes.begin(), sizes.end());
  return shown_unit(display(row[*section.unit_column]),
                    sizes.empty() ? 0 : sizes[sizes.size() / 2]);
}

std::string shown_cell(const Cell& cell, double factor, bool boolean) {
  const auto* number = std::get_if<double>(&cell);
  if (!number) return display(cell);
  return boolean ? readable(*number, "boolean") : display(*number * factor);
}

}  // namespace

ShownTable shown_table(const Section& section) {
  ShownTable table;
  std::vector<ShownUnit> units;
  for (size_t c = 0; c < section.columns.size(); ++c) {
    Column column = section.columns[c];
    units.push_back(unit_of_column(section, c));
    column.unit = units.back().name;
    table.headings.push_back(heading(column));
  }
  for (const std::vector<Cell>& row : section.rows) {
    const ShownUnit own = section.unit_column ? unit_of_row(section, row) : ShownUnit{};
    std::vector<std::string> cells;
    for (size_t c = 0; c < row.size(); ++c) {
      const bool in_own = section.columns[c].in_row_unit;
      cells.push_back(section.unit_column == c
                          ? own.name
                          : shown_cell(row[c], in_own ? own.factor : units[c].factor,
                                       in_own && own.name == "boolean"));
    }
    table.cells.push_back(std::move(cells));
  }
  return table;
}

}  // namespace qwench::bench::report
