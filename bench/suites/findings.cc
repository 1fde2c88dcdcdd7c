// A criterion of a figure that is missing is unknown, and says why in the figure's words.
#include "bench/suites/findings.h"

#include "bench/suites/result.h"

namespace qwench::bench {

void SuiteFindings::measured(const std::string& name, const std::string& unit,
                             std::vector<double> values) {
  result.figures.push_back(bench::measured(name, unit, std::move(values)));
}

void SuiteFindings::missing(const std::string& name, const std::string& unit,
                            const std::string& why) {
  result.figures.push_back(not_measured(name, unit, why));
}

std::optional<double> SuiteFindings::value(const std::string& name) const {
  for (const Figure& f : result.figures)
    if (f.name == name && f.summary) return f.summary->median;
  return std::nullopt;
}

void SuiteFindings::at_most(const std::string& name, const std::string& expected, double limit,
                            std::optional<double> least) {
  Criterion c{name, expected, value(name), {}, Outcome::kUnknown, ""};
  if (least) c.ceiling_percent = 100 * *least / limit;
  const bool met = c.value && *c.value <= limit;
  judge(std::move(c), met);
}

void SuiteFindings::at_least(const std::string& name, const std::string& expected, double limit,
                             std::optional<double> most) {
  Criterion c{name, expected, value(name), {}, Outcome::kUnknown, ""};
  if (most && *most > 0) c.ceiling_percent = 100 * limit / *most;
  const bool met = c.value && *c.value >= limit;
  judge(std::move(c), met);
}

void SuiteFindings::judge(Criterion c, bool met) {
  const bool out_of_reach = c.ceiling_percent && *c.ceiling_percent > 100;
  if (c.value)
    c.outcome = met ? Outcome::kPass : out_of_reach ? Outcome::kUnreachable : Outcome::kFail;
  for (const Figure& f : result.figures) {
    if (f.name != c.name) continue;
    c.unit = f.unit;
    if (!f.summary) c.note = f.missing;
  }
  result.criteria.push_back(std::move(c));
}

}  // namespace qwench::bench
