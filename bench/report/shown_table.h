// A table as people read it: units scaled, numbers rounded. Console, Markdown and HTML all show these
// texts.
#pragma once
#include <string>
#include <vector>

#include "bench/report/tables.h"

namespace qwench::bench::report {

struct ShownTable {
  std::vector<std::string> headings;            // "peak (MB)"
  std::vector<std::vector<std::string>> cells;  // as many as the section has
};

/// A column is in the unit that suits its largest number; where each row has a unit of its own, a row
/// is in the unit that suits its numbers.
ShownTable shown_table(const Section& section);

}  // namespace qwench::bench::report
