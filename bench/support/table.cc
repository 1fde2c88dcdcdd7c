// Widths are counted in UTF-8 characters, so that a non-ASCII cell does not shift its row.
#include "bench/support/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/check.h"

namespace qwench::bench {

namespace {
size_t width_of(const std::string& text) {
  return size_t(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

void append_row(std::string& to, const std::vector<std::string>& cells,
                const std::vector<size_t>& widths, const std::vector<bool>& left) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string gap(widths[i] - width_of(cells[i]), ' ');
    line += (i ? "  " : "") + (left[i] ? cells[i] + gap : gap + cells[i]);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  to += line + "\n";
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

std::string Table::to_string() const {
  std::vector<size_t> widths;
  for (const std::string& h : headings_) widths.push_back(width_of(h));
  for (const auto& row : rows_)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  std::string text;
  append_row(text, headings_, widths, left_);
  std::vector<std::string> rule;
  for (size_t w : widths) rule.emplace_back(w, '-');
  append_row(text, rule, widths, left_);
  for (const auto& row : rows_) append_row(text, row, widths, left_);
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
