// Figures are compared along three axes: speed where it is separated, divergence and memory as they
// are.
#include "bench/report/tradeoff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/report/units.h"

namespace qwench::bench::report {

namespace {

/// Above 0: `other` is better; below 0: worse, or not known.
int compare_speed(const Candidate& mine, const Candidate& other, const Collected& all) {
  if (!other.decode_runs) return -1;
  if (separated(*other.decode_runs, *mine.decode_runs, all)) return 1;
  return separated(*mine.decode_runs, *other.decode_runs, all) ? -1 : 0;
}
int compare_least(const std::optional<double>& mine, const std::optional<double>& other) {
  if (!other) return -1;
  return *other < *mine ? 1 : *other > *mine ? -1 : 0;
}

bool beats(const Candidate& other, const Candidate& mine, const Collected& all) {
  if (other.failed() || other.choice->environment != mine.choice->environment) return false;
  std::vector<int> axes;
  if (mine.decode_runs) axes.push_back(compare_speed(mine, other, all));
  if (mine.kl) axes.push_back(compare_least(mine.kl, other.kl));
  if (mine.memory_bytes) axes.push_back(compare_least(mine.memory_bytes, other.memory_bytes));
  const auto [worst, best] = std::minmax_element(axes.begin(), axes.end());
  return !axes.empty() && *worst >= 0 && *best > 0;
}

const char* front_cell(const Candidate& c, const Comparison& comparison) {
  if (c.failed()) return "failed";
  if (!c.decode) return c.timed_elsewhere ? "timed in another case" : "not timed";
  if (c.interrupted) return "interrupted";
  return on_front(c, comparison) ? "yes" : "no";
}

std::vector<Cell> choice_row(const Candidate& c, const Comparison& comparison,
                             const std::vector<Limit>& limits) {
  const auto gb = [](const std::optional<double>& bytes) {
    return bytes ? std::optional<double>(*bytes / 1e9) : std::nullopt;
  };
  const std::string no_memory = "no result measured it for this configuration";
  const Judged judged = judge(c, limits);
  constexpr const char* kFits[] = {"pass", "fail", "unknown"};
  const char* fit =
      limits.empty() && judged.fit == Fit::kFits ? "no limits" : kFits[size_t(judged.fit)];
  return {c.name(),
          cell_of(c.decode, c.no_decode),
          cell_of(c.prefill, c.no_prefill),
          cell_of(c.first_token_ms, c.no_prefill),
          cell_of(gb(c.memory_bytes), no_memory),
          cell_of(gb(c.weight_bytes), no_memory),
          cell_of(c.kl, c.no_kl),
          cell_of(c.perplexity, c.no_perplexity),
          front_cell(c, comparison),
          fit,
          judged.why.empty() ? Cell(Missing{"nothing is missed"}) : Cell(judged.why),
          c.apart.empty() ? Cell(Missing{"no figure of another result was expected here"})
                          : Cell(c.apart)};
}

}  // namespace

bool on_front(const Candidate& candidate, const Comparison& comparison) {
  if (candidate.failed()) return false;
  return std::none_of(comparison.candidates.begin(), comparison.candidates.end(),
                      [&](const Candidate& other) {
                        return &other != &candidate && beats(other, candidate, *comparison.all);
                      });
}

namespace {

std::vector<std::string> notes_of(const Comparison& comparison) {
  std::vector<std::string> notes = {
      "In brackets behind a name: what tells it from others of that name, and what other files "
      "call "
      "the same configuration.",
      "On the front: no other configuration is as good in speed, divergence and memory, and better "
      "in one; a speed is better where it is separated, and what failed a check is not on it.",
      "A figure of another file is in a row only where all that can change it is known to be the "
      "same: weights, types, kernels, plug-ins, damage, instruction sets and program; for speed "
      "also threads and machine. Of a configuration that was timed twice the later result counts, "
      "an interrupted one only where there is no other; a failed check stays, whatever else "
      "passes."};
  const auto compared = [&](const char* what, const std::string& which) {
    if (!which.empty()) notes.push_back(fmt::format("{}: {}", what, which));
  };
  compared("Decode, memory and weights",
           comparison.decode_case + (comparison.decode_case.empty() ? "" : ", median"));
  compared("Prefill and first token",
           comparison.prefill_case + (comparison.prefill_case.empty() ? "" : ", median"));
  compared("Mean KL and PPL", comparison.text);
  for (const Candidate& c : comparison.candidates) {
    if (c.interrupted) notes.push_back(c.name() + ": the run that timed it was interrupted");
    if (c.timed_elsewhere) notes.push_back(fmt::format("{}: {}", c.name(), c.no_decode));
  }
  return notes;
}

}  // namespace

Section choices_section(const Comparison& comparison, const std::vector<Limit>& limits) {
  Section section{
      "choices",
      "Speed, quality and size",
      {text_column("configuration"), number_column("decode", "tokens/s"),
       number_column("prefill", "tokens/s"), number_column("first token", "ms"),
       number_column("memory", "GB"), number_column("weights", "GB"),
       number_column("mean KL", "nats"), number_column("PPL"), verdict_column("on the front"),
       verdict_column("within limits"), text_column("why not"), text_column("stands apart")}};
  const bool failed = std::any_of(comparison.candidates.begin(), comparison.candidates.end(),
                                  [](const Candidate& c) { return c.failed(); });
  if (comparison.candidates.size() < 2 && limits.empty() && !failed) return section;
  for (const Candidate& c : comparison.candidates) section.add(choice_row(c, comparison, limits));
  section.notes = notes_of(comparison);
  return section;
}

Chart pareto_chart(const Comparison& comparison) {
  Chart chart{"pareto", "Speed, quality and size", {}};
  int64_t timed = 0, close = 0;
  double largest = 0;
  for (const Candidate& c : comparison.candidates) {
    timed += c.decode.has_value();
    close += c.decode && c.kl;
    largest = std::max(largest, c.weight_bytes.value_or(0));
  }
  if (timed < 2) return chart;
  const bool with_kl = close >= 2;
  Panel panel{
      with_kl ? "Decode speed against divergence, area: weights" : "Decode speed against memory",
      PanelKind::kScatter,
      "decode (tokens/s)",
      with_kl ? "mean KL from the reference (nats)" : "memory",
      {},
      {{"on the front", {}}, {"another is better", {}}, {"failed a check", {}}}};
  if (!with_kl) panel.unit = "GB";
  for (const Candidate& c : comparison.candidates) {
    const std::optional<double> gb =
        c.memory_bytes ? std::optional<double>(*c.memory_bytes / 1e9) : std::nullopt;
    const std::optional<double> y = with_kl ? c.kl : gb;
    if (!c.decode || !y) continue;
    Point point{*c.decode, *y, std::nullopt, c.name()};
    if (c.weight_bytes && largest > 0) {
      point.size = std::sqrt(*c.weight_bytes / largest);
      point.label += fmt::format(", weights {}", readable(*c.weight_bytes, "B"));
    }
    if (c.interrupted) point.label += ", interrupted";
    panel.series[c.failed()                ? 2
                 : on_front(c, comparison) ? 0
                                           : 1]
        .points.push_back(std::move(point));
  }
  chart.panels.push_back(std::move(panel));
  return chart;
}

}  // namespace qwench::bench::report
