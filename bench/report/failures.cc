// The texts of a row say what was judged; the columns that a section calls telling say by how much it
// failed.
#include "bench/report/failures.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/report/units.h"

namespace qwench::bench::report {

namespace {

/// Their verdicts repeat those of other tables, or judge nothing.
constexpr std::string_view kNotCounted[] = {"choices",  "quality",    "metrics",
                                            "variance", "throughput", "speedup",
                                            "pairs",    "pair_ops",   "batch"};

bool is_counted(const Section& section) {
  return std::find(std::begin(kNotCounted), std::end(kNotCounted), section.id) ==
         std::end(kNotCounted);
}

/// The texts of a row; the first two name what was judged, the others say more of it.
std::vector<std::string> texts_of(const Section& section, const std::vector<Cell>& row) {
  std::vector<std::string> texts;
  for (size_t c = 0; c < row.size(); ++c) {
    const auto* words = std::get_if<std::string>(&row[c]);
    if (section.columns[c].kind == ColumnKind::kText && section.unit_column != c && words &&
        !words->empty())
      texts.push_back(*words);
  }
  return texts;
}

std::vector<std::string> figures_of(const Section& section, const std::vector<Cell>& row) {
  std::vector<std::string> figures;
  for (const size_t c : section.telling) {
    const Column& column = section.columns[c];
    const auto* number = std::get_if<double>(&row[c]);
    if (!number) continue;
    const std::string unit = column.in_row_unit ? display(row[*section.unit_column]) : column.unit;
    figures.push_back(fmt::format("{} {}", column.name, readable(*number, unit)));
  }
  return figures;
}

/// "Criteria: latency, first_token: fail (value 12.3 s; < 10 s)".
std::string sentence(const Section& section, const std::vector<Cell>& row,
                     const std::string& verdict) {
  constexpr long kNaming = 2;
  const std::vector<std::string> texts = texts_of(section, row);
  const auto more = texts.begin() + std::min(kNaming, long(texts.size()));
  std::vector<std::string> details = figures_of(section, row);
  details.insert(details.end(), more, texts.end());
  return fmt::format("{}: {}: {}{}", section.title, fmt::join(texts.begin(), more, ", "), verdict,
                     details.empty() ? "" : fmt::format(" ({})", fmt::join(details, "; ")));
}

std::vector<std::string> verdicts_of(const Section& section, const std::vector<Cell>& row) {
  std::vector<std::string> verdicts;
  for (size_t c = 0; c < row.size(); ++c)
    if (section.columns[c].kind == ColumnKind::kVerdict) verdicts.push_back(display(row[c]));
  return verdicts;
}

bool is_failure(const std::string& verdict) {
  constexpr std::string_view kWords[] = {"fail",     "error",   "wrong result",
                                         "critical", "warning", "became slower"};
  return std::find(std::begin(kWords), std::end(kWords), verdict) != std::end(kWords);
}

}  // namespace

std::vector<std::string> failures_of(const Section& section) {
  std::vector<std::string> failures;
  if (!is_counted(section)) return failures;
  for (const std::vector<Cell>& row : section.rows)
    for (const std::string& verdict : verdicts_of(section, row))
      if (is_failure(verdict)) failures.push_back(sentence(section, row, verdict));
  return failures;
}

std::string count_of(const Section& section) {
  int64_t passed = 0, failed = 0, others = 0;
  if (!is_counted(section)) return {};
  for (const std::vector<Cell>& row : section.rows)
    for (const std::string& verdict : verdicts_of(section, row)) {
      if (verdict == "pass")
        ++passed;
      else if (verdict == "fail" || verdict == "error")
        ++failed;
      else
        ++others;
    }
  if (passed + failed == 0) return {};
  return fmt::format("{}: {} of {} passed{}", section.title, passed, passed + failed,
                     others ? fmt::format(", {} not decided", others) : "");
}

}  // namespace qwench::bench::report
