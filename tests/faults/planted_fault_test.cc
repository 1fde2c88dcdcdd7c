// Every conclusion that the program prints must be able to come out the other way.
#include "tests/faults/planted_fault.h"

#include <set>

#include "engine/base/json.h"

using namespace qwench::test;

namespace {

/// Made once: some tables run the program for the files of their rows.
const FaultTable& all_faults() {
  static const FaultTable table = [] {
    FaultTable all;
    for (const auto& of_area : {accuracy_faults, bench_faults, compare_faults, files_faults,
                                kernels_faults, option_faults, regress_faults, report_faults,
                                report_verdict_faults, suites_faults, text_faults})
      for (PlantedFault& fault : of_area()) all.push_back(std::move(fault));
    return all;
  }();
  return table;
}

void check_conclusion(const Conclusion& got, const Conclusion& expected) {
  INFO(got.verdict);
  CHECK(got.exit_code == expected.exit_code);
  CHECK(got.verdict.find(expected.verdict) != std::string::npos);
}

}  // namespace

TEST_CASE("a planted fault turns the conclusion that it makes false") {
  if (!available()) return;
  for (const PlantedFault& fault : all_faults()) {
    INFO(fault.conclusion << " / " << fault.fault);
    check_conclusion(fault.sound(), fault.expected_sound);
    const Conclusion faulty = fault.faulty();
    check_conclusion(faulty, fault.expected_faulty);
    // The verdict words must not stand in both, where the exit code is the same.
    if (fault.expected_sound.exit_code == fault.expected_faulty.exit_code)
      CHECK(faulty.verdict.find(fault.expected_sound.verdict) == std::string::npos);
  }
}

TEST_CASE("every criterion of every suite has a planted failure") {
  if (!available()) return;
  std::set<std::string> planted;
  const auto without_row = [](const std::string& name) {  // "1.7B 4-bit: memory" -> "memory"
    return name.substr(name.find(": ") == std::string::npos ? 0 : name.find(": ") + 2);
  };
  for (const std::string& name : criteria_with_faults()) planted.insert(without_row(name));
  const Outcome ran =
      run("bench --quick -t 1 --max-tokens 2 --duration 0.01 --json -m " QWENCH_SOURCE_DIR
          "/models/qwench-tiny");
  const qwench::Json document = qwench::parse_json(ran.out, "stdout");
  CHECK(document["suites"].size() > 20);
  for (const qwench::Json& suite : document["suites"]) {
    // Their criteria are beside those of what they measure: `compare`, and the dispatch of ops.
    if (suite["suite"] == "comparative" || suite["suite"] == "tensor_overhead") continue;
    for (const qwench::Json& criterion : suite["criteria"]) {
      const std::string name = criterion["name"];
      CHECK_MESSAGE(planted.count(without_row(name)) == 1, name);
    }
  }
}

TEST_CASE("no fault is planted twice") {
  CHECK(all_faults().size() >= 100);
  std::set<std::string> seen;
  for (const PlantedFault& fault : all_faults()) {
    INFO(fault.conclusion << " / " << fault.fault);
    CHECK(seen.insert(std::string(fault.conclusion) + "/" + std::string(fault.fault)).second);
  }
}
