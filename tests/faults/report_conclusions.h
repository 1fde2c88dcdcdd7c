// What `report` concludes of results that a test made: in this process where that is enough.
#pragma once
#include <fmt/format.h>

#include "bench/report/writers.h"
#include "tests/bench/report_results.h"
#include "tests/faults/planted_fault.h"

namespace qwench::test {

using Results = std::vector<OrderedJson>;
using Limits = std::vector<std::string>;
using Change = std::function<void(OrderedJson&)>;

inline const std::vector<double> kSlow = {98, 99, 100, 101, 102}, kFast = {198, 199, 200, 201, 202},
                                 kWide = {60, 80, 150, 200, 260};

inline std::string all_of(const std::vector<std::string>& sentences) {
  return fmt::format("{}", fmt::join(sentences, "\n"));
}

/// The summary that people read first: failures, advice and counts.
inline std::function<Conclusion()> summary(const Results& results, const Limits& limits = {}) {
  return [=] { return Conclusion{0, bench::report::summary_text(report_of(results, limits), {})}; };
}

/// One cell of a table.
inline std::function<Conclusion()> cell(const Results& results, const char* section, size_t row,
                                        size_t column, const Limits& limits = {}) {
  return [=] {
    const bench::report::Report report = report_of(results, limits);
    const bench::report::Section* found = report.find(section);
    return Conclusion{0, found ? bench::report::display(found->rows.at(row).at(column)) : "none"};
  };
}

inline OrderedJson changed(OrderedJson result, const Change& change) {
  change(result);
  return result;
}

/// What the report lists as failed.
inline std::function<Conclusion()> failures(const OrderedJson& result) {
  return [=] {
    const std::vector<std::string> list = report_of({result}).failures;
    return Conclusion{0, list.empty() ? "nothing failed" : all_of(list)};
  };
}

/// The program itself on results that are written to files.
inline std::function<Conclusion()> command(const Results& results, const std::string& before,
                                           const std::string& after) {
  return [=] {
    const ScratchFolder scratch;
    std::string arguments = before;
    for (size_t i = 0; i < results.size(); ++i)
      arguments += " " + scratch.write(fmt::format("{}.json", i), bench::to_text(results[i]));
    const Outcome outcome = run(arguments + " " + after);
    return Conclusion{outcome.code, outcome.out + outcome.err};
  };
}

}  // namespace qwench::test
