// A text table: columns as wide as their longest cell, numbers to the right.
#pragma once
#include <string>
#include <vector>

#include "engine/format_bytes.h"

namespace qwench::bench {

class Table {
 public:
  /// A heading that starts with '<' is a column of text, aligned to the left; others go to the
  /// right.
  explicit Table(std::vector<std::string> headings);

  /// Contract: as many cells as headings.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  /// Heading, a line, the rows; each line ends with '\n' and has no trailing blanks.
  std::string to_string() const;

 private:
  std::vector<std::string> headings_;
  std::vector<bool> left_;
  std::vector<std::vector<std::string>> rows_;
};

/// "12.345 ms", "1.20 s", "3.4 us".
std::string format_ns(double ns);
/// The number with three significant digits, as short as they allow: "0.0123", "12.3", "1234".
std::string format_number(double value);

}  // namespace qwench::bench
