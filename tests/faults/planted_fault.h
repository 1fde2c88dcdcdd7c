// A conclusion of the program and a fault that must turn it. One table of these per area (`<area>_faults.cc`);
// planted_fault_test.cc goes over all of them.
#pragma once
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/program.h"

namespace qwench::test {

/// What the program concluded, as its user sees it.
struct Conclusion {
  int exit_code = 0;
  std::string verdict;  // the words or the field that say it: "pass", "better", "ok"
};

struct PlantedFault {
  std::string_view conclusion;  // what is said without the fault: "compare: b computes what a does"
  std::string_view fault;       // what is planted: "b doubles its result for more than one row"
  std::function<Conclusion()> sound, faulty;
  Conclusion expected_sound, expected_faulty;  // exit codes, and what the verdicts contain
};

using FaultTable = std::vector<PlantedFault>;

/// The tables of all areas.
FaultTable accuracy_faults();
FaultTable bench_faults();
FaultTable compare_faults();
FaultTable files_faults();
FaultTable kernels_faults();
FaultTable option_faults();
FaultTable regress_faults();
FaultTable report_faults();
FaultTable report_verdict_faults();
FaultTable suites_faults();
FaultTable text_faults();

/// Names of the criteria that suites_faults() plants a failure for.
std::set<std::string> criteria_with_faults();

/// Words of a row that is made in a loop.
inline std::string_view lasting(std::string words) {
  static std::deque<std::string> all;
  return all.emplace_back(std::move(words));
}

/// Runs the program for a file that the rows of a table need.
inline void prepare(const std::string& arguments) {
  if (kProgram) run(arguments);
}

/// Runs the program; the verdict is everything it wrote.
inline std::function<Conclusion()> program(std::string arguments) {
  return [arguments = std::move(arguments)] {
    const Outcome outcome = run(arguments);
    return Conclusion{outcome.code, outcome.out + outcome.err};
  };
}

}  // namespace qwench::test
