// Ranks of speeds, each with what makes it one: results that are measured one after the other are
// compared by their intervals, and no noise floor is known but that of configurations timed twice.
#include <fmt/format.h>

#include <algorithm>

#include "bench/report/derived.h"
#include "bench/report/runs.h"

namespace qwench::bench::report {

namespace {

using Measured = std::vector<const Measurement*>;

/// Measurements that may be ranked: one case, of configurations, in one environment.
struct Contest {
  std::string metric;
  size_t environment = 0;
  Measured measured;  // in the order in which they were read
};

std::vector<Contest> contests(const Collected& all) {
  std::vector<Contest> list;
  for (const Measurement& m : all.measurements) {
    if (!m.choice || m.quantity != Quantity::kThroughput) continue;
    const size_t environment = all.environment_of[m.source];
    auto at = std::find_if(list.begin(), list.end(), [&](const Contest& c) {
      return c.metric == m.metric && c.environment == environment;
    });
    if (at == list.end()) at = list.insert(at, {m.metric, environment, {}});
    at->measured.push_back(&m);
  }
  return list;
}

Measured fastest_first(Measured list) {
  std::stable_sort(list.begin(), list.end(), [](const Measurement* a, const Measurement* b) {
    return a->samples.median > b->samples.median;
  });
  return list;
}

/// One is the fastest where all other configurations are shown to be slower; else several are not
/// separated.
const char* rank_of(const Measurement& m, const Measured& ranked, const Collected& all) {
  const Measurement& best = *ranked.front();
  if (std::find(ranked.begin(), ranked.end(), &m) == ranked.end()) return "interrupted";
  if (&m != &best && m.choice == best.choice) return "same configuration";
  if (&m != &best) return separated(best, m, all) ? "slower" : "not_separated";
  bool contested = false, alone = true;
  for (const Measurement* other : ranked) {
    if (other->choice == best.choice) continue;
    contested = true;
    alone = alone && separated(best, *other, all);
  }
  return !contested ? "no other" : alone ? "fastest" : "not_separated";
}

/// A suite stands for the configuration that ran it.
std::string contestant(const Measurement& m, const Collected& all) {
  return m.group == "throughput" ? all.choices.all[*m.choice].name : m.mode;
}

void add_contest(const Contest& contest, const Collected& all, Section& section) {
  const auto is_early = [&](const Measurement* m) { return bool(all.interrupted[m->source]); };
  const Measured sorted = fastest_first(contest.measured), ranked = taking_part(sorted, is_early);
  const double first = contest.measured.front()->samples.median;
  const bool known = contest.environment < all.environments.size();
  const std::string where = known && all.environments.size() > 1
                                ? fmt::format(", environment {}", contest.environment + 1)
                                : "";
  for (const Measurement* m : sorted) {
    const double ratio = first > 0 ? m->samples.median / first : 0;
    section.add({contest.metric + where, contestant(*m, all), m->samples.median,
                 first > 0 ? Cell(ratio) : Cell(Missing{"the first is 0"}),
                 first > 0 ? Cell(100 * (ratio - 1)) : Cell(Missing{"the first is 0"}),
                 rank_of(*m, ranked, all)});
  }
}

void add_notes(bool several_runs, bool interrupted, const Collected& all, Section& section) {
  constexpr size_t kMost = 3;
  section.notes = {
      "not_separated: the verdict of turns or, without turns, the 95 % intervals do not tell this "
      "mode from the fastest. `qwench compare` decides in turns, with a noise floor.",
      "Only results of one machine, build and state are ranked."};
  if (interrupted)
    section.notes.emplace_back(
        "interrupted: the run ended early, so that its speed is not ranked with those of whole "
        "runs.");
  if (several_runs)
    section.notes.emplace_back(
        "Where modes of one metric are from several files, the machine may have changed between "
        "the runs: a difference need not be one of the configurations.");
  std::vector<Drift> drifts = all.drifts;
  std::stable_sort(drifts.begin(), drifts.end(),
                   [](const Drift& a, const Drift& b) { return a.ratio > b.ratio; });
  for (size_t i = 0; i < std::min(kMost, drifts.size()); ++i)
    section.notes.push_back(sentence_of(drifts[i], all));
  if (drifts.size() > kMost)
    section.notes.push_back(fmt::format("And {} more of these.", drifts.size() - kMost));
}

}  // namespace

Section throughput_section(const Collected& all) {
  Section section{"throughput",
                  "Throughput comparison",
                  {text_column("metric"), text_column("mode"), number_column("median", "tokens/s"),
                   number_column("relative to the first mode"), number_column("difference", "%"),
                   verdict_column("verdict")}};
  bool several_runs = false, interrupted = false;
  for (const Contest& contest : contests(all)) {
    if (contest.measured.size() < 2) continue;
    add_contest(contest, all, section);
    for (const Measurement* m : contest.measured) {
      several_runs = several_runs || m->source != contest.measured.front()->source;
      interrupted = interrupted || all.interrupted[m->source];
    }
  }
  if (!section.rows.empty()) add_notes(several_runs, interrupted, all, section);
  return section;
}

}  // namespace qwench::bench::report
