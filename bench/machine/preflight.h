// Is this machine fit to run and to measure: every check with what was found, what is expected and what
// to do. Nothing is changed.
#pragma once
#include <string>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench {

enum class Fitness : unsigned char { kOk, kWarning, kUnknown };
std::string_view name_of(Fitness fitness);  // "ok", "warning", "unknown"

struct Check {
  std::string name, found, expected;
  Fitness fitness = Fitness::kUnknown;
  std::string fix;  // "" where nothing is to be done
};

/// Memory, disk, load, clock, huge pages, threads, swap, power supply, container limits. `root` replaces
/// "/" before proc and sys (for tests); `folder` is where results and models go.
std::vector<Check> preflight(const std::string& folder = ".", const std::string& root = "/");

OrderedJson checks_json(const std::vector<Check>& checks);
std::string checks_text(const std::vector<Check>& checks);

/// [{"symptom", "cause", "remedy"}]: what goes wrong most often.
OrderedJson common_failures();
std::string common_failures_text();

}  // namespace qwench::bench
