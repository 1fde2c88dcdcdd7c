// A suite's result in the making: figures by name, and criteria that are judged by the median of the
// figure of the same name.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/suites/suite.h"

namespace qwench::bench {

class SuiteFindings {
 public:
  SuiteFindings() { result.details = OrderedJson::object(); }

  void measured(const std::string& name, const std::string& unit, std::vector<double> values);
  void missing(const std::string& name, const std::string& unit, const std::string& why);
  /// The median of a figure; nothing where it is missing.
  std::optional<double> value(const std::string& name) const;

  /// Passes up to the limit. `least`: what this machine was measured to allow at best; a limit below it
  /// is unreachable here, not failed.
  void at_most(const std::string& name, const std::string& expected, double limit,
               std::optional<double> least = {});
  /// Passes from the limit on; `most` likewise.
  void at_least(const std::string& name, const std::string& expected, double limit,
                std::optional<double> most = {});
  /// Says more of the last criterion, unless a missing figure has said why already.
  void note(const std::string& text) {
    if (result.criteria.back().note.empty()) result.criteria.back().note = text;
  }

  SuiteResult result;

 private:
  void judge(Criterion criterion, bool met);
};

}  // namespace qwench::bench
