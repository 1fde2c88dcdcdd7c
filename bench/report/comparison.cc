// Which case, which text, and whether two speeds differ.
#include "bench/report/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "bench/report/runs.h"

namespace qwench::bench::report {

namespace {

/// The case of a phase that most choices have; "" where none was timed.
std::string common_case(const std::vector<Choice>& all, bool decode) {
  using Rank = std::tuple<int64_t, bool, double, double>;  // choices, in turns, -batch, -depth
  std::vector<std::pair<std::string, Rank>> cases;
  for (const Choice& choice : all)
    for (const TimedCase& timed : choice.timed) {
      if (timed.decode != decode) continue;
      const auto known = std::find_if(cases.begin(), cases.end(),
                                      [&](const auto& c) { return c.first == timed.name; });
      if (known == cases.end())
        cases.push_back({timed.name, {1, timed.in_turns, -timed.batch, -timed.depth}});
      else
        ++std::get<0>(known->second);
    }
  const auto best = std::max_element(
      cases.begin(), cases.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return best == cases.end() ? std::string() : best->first;
}

/// The measure of quality that most choices have; of equals the one that comes first.
const QualityFigure* common_quality(const std::vector<Choice>& all) {
  std::vector<std::pair<int64_t, const QualityFigure*>> measures;
  for (const Choice& choice : all)
    for (const QualityFigure& figure : choice.quality) {
      auto known = std::find_if(measures.begin(), measures.end(),
                                [&](const auto& m) { return m.second->key == figure.key; });
      if (known == measures.end()) known = measures.insert(known, {0, &figure});
      ++known->first;
    }
  const auto rank = [](const auto& m) { return std::pair(m.first, m.second->of_text); };
  const auto best =
      std::max_element(measures.begin(), measures.end(),
                       [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return best == measures.end() ? nullptr : best->second;
}

/// The last one: of a configuration that was timed again, the later result counts; one that was
/// interrupted only where there is no other.
const TimedCase* case_of(const Collected& all, const Choice& choice, bool decode,
                         const std::string& name) {
  const TimedCase *whole = nullptr, *last = nullptr;
  for (const TimedCase& timed : choice.timed) {
    if (timed.decode != decode || timed.name != name) continue;
    last = &timed;
    if (!all.interrupted[all.measurements[timed.measurement].source]) whole = &timed;
  }
  return whole ? whole : last;
}

std::string other_cases(const Choice& choice, bool decode) {
  std::vector<std::string> names;
  for (const TimedCase& timed : choice.timed)
    if (timed.decode == decode && std::find(names.begin(), names.end(), timed.name) == names.end())
      names.push_back(timed.name);
  if (!names.empty()) return fmt::format("timed in another case only: {}", fmt::join(names, "; "));
  return choice.timed.empty() ? "no result timed it" : "this phase was not timed";
}

void take_memory(const TimedCase* first, const TimedCase* second, Candidate& to) {
  for (const TimedCase* timed : {first, second}) {
    if (!timed) continue;
    if (!to.memory_bytes) to.memory_bytes = timed->memory_bytes;
    if (!to.weight_bytes) to.weight_bytes = timed->weight_bytes;
  }
}

void take_speed(const Comparison& c, Candidate& to) {
  const TimedCase *decode = case_of(*c.all, *to.choice, true, c.decode_case),
                  *prefill = case_of(*c.all, *to.choice, false, c.prefill_case);
  const auto median = [&](const TimedCase* timed) -> std::optional<double> {
    if (!timed) return std::nullopt;
    return c.all->measurements[timed->measurement].samples.median;
  };
  to.decode = median(decode), to.prefill = median(prefill);
  if (decode) to.decode_runs = &c.all->measurements[decode->measurement];
  to.interrupted = decode && c.all->interrupted[to.decode_runs->source];
  to.timed_elsewhere = !decode && std::any_of(to.choice->timed.begin(), to.choice->timed.end(),
                                              [](const TimedCase& t) { return t.decode; });
  for (const TimedCase* timed : {prefill, decode})
    if (timed && !to.first_token_ms) to.first_token_ms = timed->first_token_ms;
  take_memory(decode, prefill, to);
  to.no_decode = other_cases(*to.choice, true), to.no_prefill = other_cases(*to.choice, false);
}

/// True where the figure is the worst so far.
bool take_worst(const std::optional<double>& figure, std::optional<double>& worst) {
  const bool worse = figure && (!worst || *figure > *worst);
  if (worse) worst = figure;
  return worse;
}

void take_quality(const QualityFigure* measure, Candidate& to) {
  to.no_kl = to.no_perplexity = "no result measured it for this configuration";
  if (!measure) return;
  for (const QualityFigure& figure : to.choice->quality) {
    if (take_worst(figure.kl, to.worst_kl)) to.worst_kl_over = figure.over;
    take_worst(figure.perplexity, to.worst_perplexity);
    take_worst(figure.perplexity_ratio, to.worst_ratio);
    const std::string other = "measured over something else: " + figure.over;
    if (figure.key == measure->key && figure.kl)
      to.kl = figure.kl;
    else
      to.no_kl = other;
    if (figure.text == measure->text && figure.perplexity)
      to.perplexity = figure.perplexity;
    else
      to.no_perplexity = other;
  }
}

const PairVerdict* pair_of(const Collected& all, const Measurement& a, const Measurement& b) {
  for (const PairVerdict& pair : all.pairs)
    if (pair.source == a.source && pair.phase == a.group && pair.a == a.given && pair.b == b.given)
      return &pair;
  return nullptr;
}

/// Of two that were each compared with a third: where the intervals of their ratios do not meet.
bool separated_by_third(const Measurement& faster, const Measurement& slower,
                        const Collected& all) {
  const auto against = [&](const Measurement& m) -> const PairVerdict* {
    for (const PairVerdict& pair : all.pairs)
      if (pair.source == m.source && pair.phase == m.group && pair.b == m.given) return &pair;
    return nullptr;
  };
  const PairVerdict *fast = against(faster), *slow = against(slower);
  return fast && slow && fast->a == slow->a && fast->ratio && slow->ratio &&
         fast->ratio->lo > slow->ratio->hi;
}

}  // namespace

bool separated(const Measurement& faster, const Measurement& slower, const Collected& all) {
  if (faster.samples.median <= slower.samples.median) return false;
  const bool turns = std::any_of(all.pairs.begin(), all.pairs.end(), [&](const PairVerdict& pair) {
    return pair.source == faster.source && pair.source == slower.source;
  });
  if (!turns) {
    const bool as_whole = all.interrupted[faster.source] == all.interrupted[slower.source];
    return as_whole && apart(faster.samples, slower.samples) &&
           faster.samples.median > noise_between(faster, slower, all) * slower.samples.median;
  }
  if (const PairVerdict* pair = pair_of(all, slower, faster)) return pair->verdict == "better";
  if (const PairVerdict* pair = pair_of(all, faster, slower)) return pair->verdict == "worse";
  return separated_by_third(faster, slower, all);
}

Comparison compare_choices(const Collected& all) {
  Comparison c;
  c.all = &all;
  c.decode_case = common_case(all.choices.all, true);
  c.prefill_case = common_case(all.choices.all, false);
  const QualityFigure* measure = common_quality(all.choices.all);
  if (measure) c.text = measure->over;
  for (size_t i = 0; i < all.choices.all.size(); ++i) {
    Candidate candidate;
    candidate.choice = &all.choices.all[i];
    candidate.apart = all.choices.stands_apart(i);
    take_speed(c, candidate);
    take_quality(measure, candidate);
    c.candidates.push_back(std::move(candidate));
  }
  return c;
}

}  // namespace qwench::bench::report
