// What a report holds, whatever result it was made from and whatever it is written as: tables of
// cells and charts of points. Every writer takes its numbers from here and from nowhere else.
#pragma once
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bench/support/statistics.h"

namespace qwench::bench::report {

/// Not measured or not in the file; the reason is for the reader.
struct Missing {
  std::string reason;
};
using Cell = std::variant<Missing, double, std::string>;

enum class ColumnKind : unsigned char { kText, kNumber, kVerdict };

struct Column {
  std::string name, unit;  // unit "": a count, a ratio, or text
  ColumnKind kind = ColumnKind::kNumber;
  bool in_row_unit = false;  // each row says its unit in Section::unit_column
};
inline Column text_column(std::string name) { return {std::move(name), "", ColumnKind::kText}; }
inline Column number_column(std::string name, std::string unit = "") {
  return {std::move(name), std::move(unit), ColumnKind::kNumber};
}
inline Column row_unit_column(std::string name, std::string unit = "") {
  return {std::move(name), std::move(unit), ColumnKind::kNumber, true};
}
inline Column verdict_column(std::string name) {
  return {std::move(name), "", ColumnKind::kVerdict};
}

struct Section {
  std::string id, title;  // id: snake_case, unique in a report
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows = {};
  std::vector<std::string> notes = {};
  std::optional<size_t> unit_column = std::nullopt;
  std::vector<size_t> telling = {};  // columns that say how a row failed, beside its texts

  /// Contract: as many cells as columns. Numbers that overflowed become missing.
  void add(std::vector<Cell> cells);
};

struct Point {
  double x = 0, y = 0;                              // bars: x is the index of the category
  std::optional<Interval> interval = std::nullopt;  // 95 %, of y
  std::string label = {};
  double size = 1;  // scatter: diameter relative to the others
};
struct Series {
  std::string name;
  std::vector<Point> points = {};
};

enum class PanelKind : unsigned char { kBar, kLine, kScatter, kHistogram };
std::string_view name_of(PanelKind kind);  // "bar", "line", "scatter", "histogram"

struct Panel {
  std::string title;
  PanelKind kind = PanelKind::kBar;
  std::string x_label, y_label;              // with units; bars: only y_label
  std::vector<std::string> categories = {};  // bars
  std::vector<Series> series = {};
  std::string unit = {};  // of y, where y_label does not say it: drawn as people read it
};

/// Panels below each other: one image.
struct Chart {
  std::string id, title;  // id: also the name of the PNG file
  std::vector<Panel> panels = {};
  std::string page_of = {};  // of a further image the id of the first; "" in that
};

struct Source {
  std::string file, command, tool, machine, when;  // "" where the file does not say
};

/// One line of the summary: "decode 16 tokens, mean", "tokens/s", 108.6.
struct Headline {
  std::string metric, unit;
  Cell value;
};

struct Report {
  std::string title, written;  // written: UTC
  std::vector<Source> sources = {};
  std::vector<Headline> summary = {};
  std::vector<std::string> failures = {};     // what failed a check, one a line
  std::vector<std::string> advice = {};       // what to choose
  std::vector<std::string> conclusions = {};  // sentences: the advice, then the rest
  std::vector<Section> sections = {};
  std::vector<Chart> charts = {};
  Json documents = Json::array();  // [{"file", "document"}]: the results themselves

  const Section* find(std::string_view id) const;
  const Chart* find_chart(std::string_view id) const;
};

/// "name (unit)".
std::string heading(const Column& column);
/// The same of a panel's y axis.
std::string y_label(const Panel& panel);
/// Four significant digits; whole numbers in full.
std::string display(double value);
/// What people see: the number as above, the text, or "-".
std::string display(const Cell& cell);
/// Shortest text that reads back as the same number.
std::string exact(double value);

/// A cell of a value that may be missing.
Cell cell_of(const std::optional<double>& value, std::string reason);
/// A text as a cell; "" is what the file does not say.
Cell text_cell(const std::string& text);

}  // namespace qwench::bench::report
