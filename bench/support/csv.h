// Comma-separated values as RFC 4180 has them: a quoted cell may hold commas, line breaks and, as
// "", quotes.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qwench::bench {

struct CsvRow {
  std::vector<std::string> cells;
  int64_t line = 0;  // where the row begins; 1 is the first
};

/// All rows; blank lines between them are passed over. As in the common readers, a quote inside a
/// cell that does not begin with one is a character like any other. Error (prefixed `path`:line)
/// on a quote that is never closed and on text after a closing quote.
std::vector<CsvRow> parse_csv(std::string_view text, const std::string& path);

}  // namespace qwench::bench
