// Controls are grouped by configuration and case first: results may hold thousands of measurements.
#include "bench/report/runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "bench/report/units.h"
#include "bench/support/program.h"

namespace qwench::bench::report {

std::vector<Drift> find_drifts(const Collected& all) {
  using Case = std::tuple<size_t, size_t, std::string>;  // configuration, environment, metric
  std::map<Case, std::vector<size_t>> repeated;
  for (size_t i = 0; i < all.measurements.size(); ++i) {
    const Measurement& m = all.measurements[i];
    if (m.choice && m.quantity == Quantity::kThroughput)
      repeated[{*m.choice, all.environment_of[m.source], m.metric}].push_back(i);
  }
  std::vector<Drift> drifts;
  for (const auto& [of, list] : repeated)
    for (size_t i = 0; i < list.size(); ++i)
      for (size_t k = i + 1; k < list.size(); ++k) {
        const Measurement &a = all.measurements[list[i]], &b = all.measurements[list[k]];
        const auto [low, high] = std::minmax(a.samples.median, b.samples.median);
        if (a.source != b.source && low > 0 && apart(a.samples, b.samples))
          drifts.push_back({list[i], list[k], high / low});
      }
  return drifts;
}

double noise_between(const Measurement& a, const Measurement& b, const Collected& all) {
  double noise = 1;
  if (a.source == b.source) return noise;
  for (const Drift& drift : all.drifts) {
    const size_t first = all.measurements[drift.first].source,
                 second = all.measurements[drift.second].source;
    if (std::minmax(first, second) == std::minmax(a.source, b.source))
      noise = std::max(noise, drift.ratio);
  }
  return noise;
}

std::string sentence_of(const Drift& drift, const Collected& all) {
  const Measurement &a = all.measurements[drift.first], &b = all.measurements[drift.second];
  const auto said = [&](const Measurement& m) {
    return fmt::format("{} in {}", readable(m.samples.median, m.unit),
                       model_name(all.sources[m.source].file));
  };
  return fmt::format(
      "{}: {} is the same configuration in two runs, {} and {}, {:.0f} % apart: the machine "
      "changed. "
      "Across these runs only larger differences are ranked.",
      a.metric, all.choices.all[*a.choice].name, said(a), said(b), 100 * (drift.ratio - 1));
}

std::string caveat_of_runs(const std::vector<const Measurement*>& measured, const Collected& all) {
  std::set<size_t> sources;
  for (const Measurement* m : measured) sources.insert(m->source);
  if (sources.size() < 2) return {};
  double noise = 1;
  for (const Measurement* a : measured)
    for (const Measurement* b : measured) noise = std::max(noise, noise_between(*a, *b, all));
  return fmt::format("of {} separate runs{}; `qwench compare` decides in turns", sources.size(),
                     noise > 1 ? fmt::format(", in which one configuration is up to {:.0f} % apart "
                                             "from itself: the machine changed",
                                             100 * (noise - 1))
                               : ", between which the machine may have changed");
}

}  // namespace qwench::bench::report
