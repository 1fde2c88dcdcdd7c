// Every conclusion that the program prints must be able to come out the other way.
#include "tests/faults/planted_fault.h"

#include <set>

using namespace qwench::test;

namespace {

FaultTable all_faults() {
  FaultTable all;
  for (const auto& table : {compare_faults, option_faults, report_faults, report_verdict_faults})
    for (PlantedFault& fault : table()) all.push_back(std::move(fault));
  return all;
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

TEST_CASE("no fault is planted twice") {
  std::set<std::string> seen;
  for (const PlantedFault& fault : all_faults()) {
    INFO(fault.conclusion << " / " << fault.fault);
    CHECK(seen.insert(std::string(fault.conclusion) + "/" + std::string(fault.fault)).second);
  }
}
