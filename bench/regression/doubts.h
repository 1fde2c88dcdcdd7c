// What besides the code can have changed the times of two results: another machine, one that runs slower or faster
// now, or runs that `bench` flagged. A verdict that such a cause explains as well is left open.
#pragma once
#include <limits>
#include <string>

#include "bench/regression/regression.h"

namespace qwench::bench {

constexpr const char* kMachine = "machine";  // the condition

/// Why times of two results may differ, or be equal, without the code being the cause.
struct Doubt {
  std::string slower,
      faster;  // what made the present slower, or faster, besides the code; "": nothing
  double explains = std::numeric_limits<double>::infinity();  // of `slower`: up to this part slower
};

bool is_across(const RegressionArgs& args, const std::string& field);
/// The value of a condition; "" where the result has no such.
std::string value_of(const SavedResult& result, const std::string& field);

/// Of all cases.
Doubt doubt_of_all(const RegressionArgs& args);
/// Of one case in both results; `of_all` goes before what is of the case alone.
Doubt doubt_of_case(const RegressionArgs& args, const Doubt& of_all, const SavedCase& before,
                    const SavedCase& now);

}  // namespace qwench::bench
