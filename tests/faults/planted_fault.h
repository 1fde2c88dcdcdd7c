// A conclusion of the program and a fault that must turn it. One table of these per area (`<area>_faults.cc`);
// planted_fault_test.cc goes over all of them.
#pragma once
#include <functional>
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
FaultTable compare_faults();
FaultTable option_faults();
FaultTable report_faults();
FaultTable report_verdict_faults();

/// Runs the program; the verdict is everything it wrote.
inline std::function<Conclusion()> program(std::string arguments) {
  return [arguments = std::move(arguments)] {
    const Outcome outcome = run(arguments);
    return Conclusion{outcome.code, outcome.out + outcome.err};
  };
}

}  // namespace qwench::test
