// A text table: columns as wide as their longest cell, numbers to the right; narrower on a terminal
// that is.
#pragma once
#include <string>
#include <vector>

#include "engine/base/format_bytes.h"

namespace qwench::bench {

class Table {
 public:
  /// A heading that starts with '<' is a column of text, aligned to the left; others go to the
  /// right.
  explicit Table(std::vector<std::string> headings);

  /// Contract: as many cells as headings.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  /// Heading, a line, the rows; each line ends with '\n' and has no trailing blanks. On a terminal
  /// (terminal.h) no line is wider than it: texts wrap within their column, then the columns that have
  /// no room go on below, with the first ones repeated as far as it takes to tell the rows apart, and where none
  /// fits beside those every row is a paragraph with a line a cell. Verdicts are in colour where there are colours.
  std::string to_string() const;

 private:
  struct Widths {
    size_t natural = 0, good = 0, least = 0;
  };
  std::vector<size_t> all_columns() const;
  Widths widths_of(size_t column) const;
  std::vector<size_t> widths(const std::vector<size_t>& columns, size_t Widths::*kind) const;
  std::vector<size_t> narrowed(const std::vector<size_t>& columns, size_t limit) const;
  std::string grid(const std::vector<size_t>& columns, const std::vector<size_t>& widths) const;
  std::vector<std::vector<size_t>> bands(size_t limit) const;
  std::string paragraphs(size_t limit) const;

  std::vector<std::string> headings_;
  std::vector<bool> left_;
  std::vector<std::vector<std::string>> rows_;
};

/// "12.345 ms", "1.20 s", "3.4 us".
std::string format_ns(double ns);
/// The number with three significant digits, as short as they allow: "0.0123", "12.3", "1234".
std::string format_number(double value);

}  // namespace qwench::bench
