// Widths are counted in UTF-8 characters, so that a non-ASCII cell does not shift its row. On a
// terminal that is too narrow texts wrap, then columns go on below with those repeated that identify a
// row, and at last every row is a paragraph.
#include "bench/support/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <set>

#include "bench/support/terminal.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

constexpr size_t kGap = 2;
constexpr size_t kLongWord = 16;  // a longer word may be broken
constexpr size_t kGoodText = 24;  // a text that wraps at this width reads well

size_t total(const std::vector<size_t>& widths) {
  return std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
}

/// What a column must have: words of texts may wrap, numbers may not.
size_t least_width(const std::string& text, bool wraps) {
  return wraps ? std::min(longest_piece(text), kLongWord) : width_of(text);
}

using Wrapped = std::vector<std::string>;  // the lines of a cell

/// How many of the first columns tell every row from every other; an empty cell is as the one above it. One where
/// only the last column would, for then they do not say what a row is.
size_t identifying_columns(const std::vector<std::vector<std::string>>& rows, size_t n_columns) {
  std::vector<std::vector<std::string>> filled(rows.size());
  for (size_t k = 1; k < n_columns; ++k) {
    for (size_t row = 0; row < rows.size(); ++row) {
      const std::string& cell = rows[row][k - 1];
      filled[row].push_back(cell.empty() && row ? filled[row - 1].back() : cell);
    }
    if (std::set(filled.begin(), filled.end()).size() == rows.size()) return k;
  }
  return 1;
}

/// The lines of a row of cells.
void append_row(std::string& to, const std::vector<Wrapped>& cells,
                const std::vector<size_t>& widths, const std::vector<bool>& left) {
  size_t n = 1;
  for (const Wrapped& lines : cells) n = std::max(n, lines.size());
  for (size_t line = 0; line < n; ++line) {
    std::string text;
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string cell = line < cells[i].size() ? cells[i][line] : std::string();
      const std::string gap(widths[i] - std::min(widths[i], width_of(cell)), ' ');
      // A verdict is one word: a part of a wrapped text is none.
      const std::string shown = cells[i].size() == 1 ? painted(cell, tone_of(cell)) : cell;
      text += std::string(i ? kGap : 0, ' ') + (left[i] ? shown + gap : gap + shown);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    to += text + "\n";
  }
}

Wrapped wrapped_cell(const std::string& cell, size_t width) {
  return width_of(cell) <= width ? Wrapped{cell} : wrapped(cell, width);
}

}  // namespace

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {
  for (std::string& h : headings_) {
    left_.push_back(!h.empty() && h[0] == '<');
    if (left_.back()) h.erase(0, 1);
  }
}

void Table::add(std::vector<std::string> cells) {
  QWENCH_CHECK(cells.size() == headings_.size());
  rows_.push_back(std::move(cells));
}

std::vector<size_t> Table::all_columns() const {
  std::vector<size_t> columns(headings_.size());
  std::iota(columns.begin(), columns.end(), size_t(0));
  return columns;
}

/// Of one of its columns: natural, at which it still reads well, and least.
Table::Widths Table::widths_of(size_t column) const {
  Widths w{width_of(headings_[column]), 1, least_width(headings_[column], true)};
  w.good = w.least;
  for (const auto& row : rows_) {
    const std::string& cell = row[column];
    const size_t natural = width_of(cell), least = least_width(cell, left_[column]);
    w.natural = std::max(w.natural, natural);
    w.least = std::max(w.least, least);
    w.good = std::max(w.good, std::max(least, std::min(natural, kGoodText)));
  }
  return w;
}

std::vector<size_t> Table::widths(const std::vector<size_t>& columns, size_t Widths::*kind) const {
  std::vector<size_t> widths;
  for (const size_t c : columns) widths.push_back(widths_of(c).*kind);
  return widths;
}

/// The widest columns give way until the table fits.
std::vector<size_t> Table::narrowed(const std::vector<size_t>& columns, size_t limit) const {
  std::vector<size_t> now = widths(columns, &Widths::natural);
  const std::vector<size_t> least = widths(columns, &Widths::least);
  while (total(now) > limit) {
    size_t widest = now.size();
    for (size_t i = 0; i < now.size(); ++i)
      if (now[i] > least[i] && (widest == now.size() || now[i] > now[widest])) widest = i;
    if (widest == now.size()) break;  // bands() leaves no such columns
    --now[widest];
  }
  return now;
}

std::string Table::grid(const std::vector<size_t>& columns,
                        const std::vector<size_t>& widths) const {
  const auto of = [&](const std::vector<std::string>& cells) {
    std::vector<Wrapped> wrapped;
    for (size_t i = 0; i < columns.size(); ++i)
      wrapped.push_back(wrapped_cell(cells[columns[i]], widths[i]));
    return wrapped;
  };
  std::vector<bool> left;
  std::vector<Wrapped> rule;
  for (size_t i = 0; i < columns.size(); ++i) {
    left.push_back(left_[columns[i]]);
    rule.push_back({std::string(widths[i], '-')});
  }
  std::string text;
  append_row(text, of(headings_), widths, left);
  append_row(text, rule, widths, left);
  for (const auto& row : rows_) append_row(text, of(row), widths, left);
  return text;
}

/// Columns side by side that read well within the limit, each list begins with those that identify a row; empty
/// where one does not fit beside them.
std::vector<std::vector<size_t>> Table::bands(size_t limit) const {
  std::vector<size_t> keys = all_columns();
  keys.resize(identifying_columns(rows_, headings_.size()));
  if (total(widths(keys, &Widths::good)) > limit) return {};
  const auto with = [](std::vector<size_t> columns, size_t one_more) {
    columns.push_back(one_more);
    return columns;
  };
  std::vector<std::vector<size_t>> bands = {keys};
  for (size_t c = keys.size(); c < headings_.size(); ++c) {
    std::vector<size_t> wider = with(bands.back(), c);
    if (total(widths(wider, &Widths::good)) <= limit) {
      bands.back() = std::move(wider);
      continue;
    }
    if (total(widths(with(keys, c), &Widths::good)) > limit) return {};
    bands.push_back(with(keys, c));
  }
  return bands;
}

std::string Table::paragraphs(size_t limit) const {
  std::string text;
  for (const auto& row : rows_) {
    if (!text.empty()) text += "\n";
    for (size_t i = 0; i < row.size(); ++i) {
      if (row[i].empty()) continue;
      const std::string indent(i ? 2 : 0, ' '), name = i ? headings_[i] + ": " : "";
      if (indent.size() + width_of(name + row[i]) <= limit) {
        text += indent + name + painted(row[i], tone_of(row[i])) + "\n";
        continue;
      }
      for (const std::string& part : wrapped(name + row[i], limit - indent.size()))
        text += indent + part + "\n";
    }
  }
  return text;
}

std::string Table::to_string() const {
  const std::vector<size_t> all = all_columns(), natural = widths(all, &Widths::natural);
  const size_t limit = terminal().columns;
  if (limit == 0 || total(natural) <= limit) return grid(all, natural);
  const std::vector<std::vector<size_t>> parts = bands(limit);
  if (parts.empty()) return paragraphs(limit);
  std::string text;
  for (const std::vector<size_t>& columns : parts)
    text += (text.empty() ? "" : "\n") + grid(columns, narrowed(columns, limit));
  return text;
}

std::string format_ns(double ns) {
  if (ns >= 1e9) return fmt::format("{:.2f} s", ns / 1e9);
  if (ns >= 1e6) return fmt::format("{:.2f} ms", ns / 1e6);
  if (ns >= 1e3) return fmt::format("{:.2f} us", ns / 1e3);
  return fmt::format("{:.0f} ns", ns);
}

std::string format_number(double value) {
  const double size = std::fabs(value);
  if (size >= 100 || size == 0) return fmt::format("{:.0f}", value);
  if (size >= 10) return fmt::format("{:.1f}", value);
  if (size >= 1) return fmt::format("{:.2f}", value);
  return fmt::format("{:.3g}", value);
}

}  // namespace qwench::bench
