// Both sentences are about the same case, so that they can only differ by what they say.
#include "bench/report/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bench/report/runs.h"
#include "bench/report/units.h"

namespace qwench::bench::report {

namespace {

using List = std::vector<const Candidate*>;

std::string joined(const List& list, const char* last) {
  constexpr size_t kMost = 4;
  std::string text;
  for (size_t i = 0; i < list.size() && i < kMost; ++i) {
    const bool ends = i + 1 == list.size();
    text += (i == 0 ? "" : ends ? std::string(last) : ", ") + list[i]->name();
  }
  if (list.size() > kMost) text += fmt::format(" and {} more", list.size() - kMost);
  return text;
}

/// Timed in the case that is compared, fastest first.
List ranked(const Comparison& comparison, size_t environment) {
  List list;
  for (const Candidate& c : comparison.candidates)
    if (c.decode_runs && c.choice->environment == environment) list.push_back(&c);
  std::stable_sort(list.begin(), list.end(),
                   [](const Candidate* a, const Candidate* b) { return *a->decode > *b->decode; });
  return list;
}

/// Those of the list that are not shown to be slower than `best`.
List not_separated(const Candidate& best, const List& list, const Collected& all) {
  List equal;
  for (const Candidate* c : list)
    if (c != &best && !separated(*best.decode_runs, *c->decode_runs, all)) equal.push_back(c);
  return equal;
}

bool is_early(const Candidate* c) { return c->interrupted; }

/// What leaves a rank open: separate runs, and those that ended early.
std::string caveats(const List& all_timed, const List& ranked, const Collected& all) {
  std::vector<const Measurement*> measured;
  List early;
  for (const Candidate* c : ranked) measured.push_back(c->decode_runs);
  for (const Candidate* c : all_timed)
    if (c->interrupted) early.push_back(c);
  std::string text = caveat_of_runs(measured, all);
  if (!text.empty()) text = "; " + text;
  if (early.empty()) return text;
  return text +
         (ranked.size() == all_timed.size()
              ? "; the run was interrupted"
              : fmt::format("; {} not ranked: the run was interrupted", joined(early, " and ")));
}

std::string fastest_sentence(const List& timed, const Comparison& comparison) {
  const List list = taking_part(timed, is_early);
  if (timed.size() < 2) return {};
  if (list.size() < 2)
    return fmt::format(
        "Fastest Mode: not known: only {} was timed in a run that was not interrupted",
        list.front()->name());
  const Candidate& best = *list.front();
  List equal = not_separated(best, list, *comparison.all);
  std::string text = fmt::format("{}, median {}", comparison.decode_case,
                                 readable(*best.decode, best.decode_runs->unit));
  if (equal.empty())
    text = fmt::format("Fastest Mode: {} ({})", best.name(), text);
  else {
    equal.insert(equal.begin(), &best);
    text = fmt::format("Fastest Mode: none: {} are not separated ({} of the first)",
                       joined(equal, " and "), text);
  }
  if (best.failed())
    text += fmt::format("; {} failed {}", best.name(), fmt::join(best.choice->failures, ", "));
  return text + caveats(timed, list, *comparison.all);
}

/// Of equal speeds the closest to the reference, then the smallest; what is not known comes last.
const Candidate* preferred(const Candidate& fastest, const List& equal) {
  const Candidate* best = &fastest;
  const auto less = [](const std::optional<double>& a, const std::optional<double>& b) {
    return a && (!b || *a < *b);
  };
  for (const Candidate* c : equal) {
    const bool closer = less(c->kl, best->kl);
    const bool as_close = !less(best->kl, c->kl);
    if (closer || (as_close && less(c->memory_bytes, best->memory_bytes))) best = c;
  }
  return best;
}

std::string figures_of(const Candidate& c) {
  std::string text = ", its accuracy was not measured";
  if (c.kl)
    text = ", mean KL " + display(*c.kl);
  else if (c.worst_kl)  // the table has none: it compares figures over one text
    text = fmt::format(", mean KL {} (over {})", display(*c.worst_kl), c.worst_kl_over);
  if (c.memory_bytes) text += ", memory " + readable(*c.memory_bytes, "B");
  return text;
}

/// What would or might have been faster, and why it is not recommended.
std::string faster_ones(const Candidate& chosen, const List& list, const Comparison& comparison,
                        const std::vector<Limit>& limits) {
  constexpr size_t kMost = 3;
  std::string text;
  size_t said = 0;
  for (const Candidate* c : list) {
    const Judged judged = judge(*c, limits);
    if (judged.fit == Fit::kFits ||
        separated(*chosen.decode_runs, *c->decode_runs, *comparison.all))
      continue;
    if (said++ == kMost) return text + "; and more, see the table";
    const bool faster = separated(*c->decode_runs, *chosen.decode_runs, *comparison.all);
    text +=
        fmt::format("; not {} ({}{}): {}", c->name(), readable(*c->decode, c->decode_runs->unit),
                    faster ? "" : ", not separated", judged.why);
  }
  return text;
}

/// How its speed stands among those that fit.
std::string speed_of(const Candidate& chosen, const List& fitting, const List& ties) {
  const std::string speed = readable(*chosen.decode, chosen.decode_runs->unit);
  if (fitting.size() == 1) return fmt::format("decode {}", speed);
  if (ties.empty()) return fmt::format("fastest decode ({})", speed);
  const Candidate& fastest = *fitting.front();
  List others;
  if (&chosen != &fastest) others.push_back(&fastest);
  for (const Candidate* c : ties)
    if (c != &chosen) others.push_back(c);
  return fmt::format("decode {}, not separated from {}{},", speed, joined(others, " and "),
                     &chosen == &fastest ? "" : ", but closer to the reference or smaller");
}

/// "of 2 configurations known to be within kl=0.01 (3 were timed)".
std::string field_of(size_t fitting, size_t timed, const std::string& bounds) {
  const std::string known =
      bounds.empty() ? "that failed no check" : "known to be within " + bounds;
  if (timed == 1) return ", the only configuration that was timed, within " + bounds;
  if (fitting == 1)
    return fmt::format(", the only one of {} timed configurations {}", timed, known);
  if (fitting < timed)
    return fmt::format(" of {} configurations {} ({} were timed)", fitting, known, timed);
  return fmt::format(" of {} timed configurations{}", timed,
                     bounds.empty() ? "" : ", all within " + bounds);
}

std::string no_recommendation(const List& list, const std::string& bounds,
                              const std::vector<Limit>& limits) {
  if (bounds.empty())
    return "No recommendation: every configuration that was timed failed a check.";
  return fmt::format("No recommendation: no configuration is known to be within {}{}.", bounds,
                     list.size() == 1 ? ": " + judge(*list[0], limits).why : "");
}

std::string recommendation(const List& timed, const Comparison& comparison,
                           const std::vector<Limit>& limits) {
  const List list = taking_part(timed, is_early);
  std::string bounds;
  for (const Limit& limit : limits) bounds += (bounds.empty() ? "" : ", ") + limit.text;
  List fitting;
  for (const Candidate* c : list)
    if (judge(*c, limits).fit == Fit::kFits) fitting.push_back(c);
  if (list.size() < 2 && limits.empty() && !fitting.empty()) return {};
  if (fitting.empty()) return no_recommendation(list, bounds, limits);
  const Candidate& fastest = *fitting.front();
  const List ties = not_separated(fastest, fitting, *comparison.all);
  const Candidate& chosen = *preferred(fastest, ties);
  return fmt::format("Recommended: {}: {}{}{}{}{}.", chosen.name(), speed_of(chosen, fitting, ties),
                     field_of(fitting.size(), list.size(), bounds), figures_of(chosen),
                     faster_ones(chosen, list, comparison, limits),
                     chosen.interrupted ? "; its run was interrupted" : "");
}

}  // namespace

std::vector<std::string> advice(const Comparison& comparison, const std::vector<Limit>& limits) {
  std::vector<std::string> sentences;
  std::set<size_t> environments;
  for (const Candidate& c : comparison.candidates)
    if (c.decode_runs) environments.insert(c.choice->environment);
  const size_t known = comparison.all->environments.size();
  for (const size_t environment : environments) {
    const List list = ranked(comparison, environment);
    std::string where;
    if (environments.size() > 1)
      where = environment < known ? fmt::format("Environment {}: ", environment + 1)
                                  : "An environment that is not known: ";
    for (const std::string& sentence :
         {fastest_sentence(list, comparison), recommendation(list, comparison, limits)})
      if (!sentence.empty()) sentences.push_back(where + sentence);
  }
  if (environments.empty() && !limits.empty())
    sentences.emplace_back("No recommendation: no configuration was timed in decode.");
  return sentences;
}

}  // namespace qwench::bench::report
