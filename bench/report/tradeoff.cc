// Limits are one table: name, direction, units, and which figure of a choice they bound.
#include "bench/report/tradeoff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>

#include "bench/support/suggest.h"
#include "engine/check.h"

namespace qwench::bench::report {

namespace {

using Units = std::map<std::string, double>;

struct Bound {
  const char* name;
  const char* what;
  bool at_least;
  std::optional<double> Choice::*figure;
};
constexpr Bound kBounds[] = {
    {"memory", "memory", false, &Choice::memory_bytes},
    {"ttft", "first token", false, &Choice::first_token_ms},
    {"kl", "mean KL", false, &Choice::kl},
    {"perplexity", "perplexity", false, &Choice::perplexity},
    {"ppl_ratio", "PPL ratio", false, &Choice::perplexity_ratio},
    {"speed", "decode tokens/s", true, &Choice::decode},
    {"prefill", "prefill tokens/s", true, &Choice::prefill},
};

const Bound* find_bound(const std::string& name) {
  for (const Bound& bound : kBounds)
    if (name == bound.name) return &bound;
  return nullptr;
}

Units units_of(const std::string& name) {
  if (name == "memory")
    return {{"b", 1},           {"kb", 1e3},           {"mb", 1e6},
            {"gb", 1e9},        {"tb", 1e12},          {"kib", 1024.0},
            {"mib", 1048576.0}, {"gib", 1073741824.0}, {"tib", 1099511627776.0}};
  if (name == "ttft") return {{"us", 1e-3}, {"ms", 1}, {"s", 1e3}};
  return {};
}

/// "4.5GB": digits first, so that "inf", "nan", "0x1" and signs are nothing. (CLI11's reader of units
/// keeps six digits only.)
double parse_value(const std::string& name, const std::string& text, const std::string& option) {
  const size_t digits = std::min(text.find_first_not_of("0123456789.eE+-"), text.size());
  std::string unit = text.substr(digits);
  for (char& c : unit) c = char(std::tolower(static_cast<unsigned char>(c)));
  const std::string number = text.substr(0, digits);
  const bool plain = !number.empty() && std::isdigit(static_cast<unsigned char>(number[0]));
  char* end = nullptr;
  double value = plain ? std::strtod(number.c_str(), &end) : NAN;
  if (!plain || *end != '\0') value = NAN;
  if (!unit.empty()) {
    const Units units = units_of(name);
    const auto known = units.find(unit);
    value = known == units.end() ? NAN : value * known->second;
  }
  if (!std::isfinite(value))
    fail_usage("--limit: expected a number of at least 0{}, got {}",
               name == "memory" ? " with a unit, such as 4GB"
               : name == "ttft" ? " such as 500ms"
                                : "",
               in_quotes(option));
  return value;
}

/// The figure; 0 for the divergence of what the others are compared with.
std::optional<double> figure_of(const Choice& c, std::optional<double> Choice::*figure) {
  if (figure == &Choice::kl && c.reference && !c.kl) return 0.0;
  return c.*figure;
}

}  // namespace

std::string limit_names() {
  std::string names;
  for (const Bound& bound : kBounds) names += (names.empty() ? "" : ", ") + std::string(bound.name);
  return names;
}

std::vector<Limit> parse_limits(const std::vector<std::string>& texts) {
  std::vector<Limit> limits;
  std::vector<std::string> known;
  for (const Bound& bound : kBounds) known.emplace_back(bound.name);
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (equals == std::string::npos || !find_bound(name)) {
      const std::string near = nearest(name, known);
      fail_usage("--limit: expected NAME=VALUE with a name of {}, got {}{}", limit_names(),
                 in_quotes(text),
                 near.empty() || near == name ? "" : "; did you mean " + near + "?");
    }
    for (const Limit& other : limits)
      if (other.name == name) fail_usage("--limit: expected each name once, got {} twice", name);
    limits.push_back(
        {name, printable_text(text), parse_value(name, text.substr(equals + 1), text)});
  }
  return limits;
}

Judged judge(const Choice& choice, const std::vector<Limit>& limits) {
  Judged judged;
  const auto add = [&](Fit fit, const std::string& why) {
    if (judged.fit != Fit::kMisses) judged.fit = fit;
    judged.why += (judged.why.empty() ? "" : "; ") + why;
  };
  for (const Limit& limit : limits) {
    const Bound& bound = *find_bound(limit.name);
    const std::optional<double> value = figure_of(choice, bound.figure);
    if (!value)
      add(Fit::kUnknown, fmt::format("{} not measured", bound.what));
    else if (bound.at_least ? *value < limit.value : *value > limit.value)
      add(Fit::kMisses, fmt::format("{} {} misses {}", bound.what, display(*value), limit.text));
  }
  if (limits.empty() && choice.accurate && !*choice.accurate)
    add(Fit::kMisses, "beyond the tolerances of accuracy");
  return judged;
}

bool on_front(const Choice& choice, const std::vector<Choice>& all) {
  constexpr std::pair<std::optional<double> Choice::*, bool> kAxes[] = {
      {&Choice::decode, true}, {&Choice::kl, false}, {&Choice::memory_bytes, false}};
  const auto beats = [&](const Choice& other) {
    bool better = false;
    for (const auto& [figure, more] : kAxes) {
      const std::optional<double> mine = figure_of(choice, figure),
                                  theirs = figure_of(other, figure);
      if (!mine) continue;
      if (!theirs || (more ? *theirs < *mine : *theirs > *mine)) return false;
      better = better || *theirs != *mine;
    }
    return better;
  };
  return std::none_of(all.begin(), all.end(), beats);
}

Section choices_section(const std::vector<Choice>& choices, const std::vector<Limit>& limits) {
  Section section{
      "choices",
      "Speed, quality and size",
      {text_column("configuration"), number_column("decode", "tokens/s"),
       number_column("prefill", "tokens/s"), number_column("first token", "ms"),
       number_column("memory", "GB"), number_column("weights", "GB"),
       number_column("mean KL", "nats"), number_column("PPL"), verdict_column("on the front"),
       verdict_column("within limits"), text_column("why not")}};
  if (choices.size() < 2 && limits.empty()) return section;
  const std::string none = "no result measured it for this configuration";
  for (const Choice& c : choices) {
    const auto gb = [](const std::optional<double>& bytes) {
      return bytes ? std::optional<double>(*bytes / 1e9) : std::nullopt;
    };
    const Judged judged = judge(c, limits);
    constexpr const char* kFits[] = {"pass", "fail", "unknown"};
    section.add({c.name, cell_of(c.decode, none), cell_of(c.prefill, none),
                 cell_of(c.first_token_ms, none), cell_of(gb(c.memory_bytes), none),
                 cell_of(gb(c.weight_bytes), none), cell_of(figure_of(c, &Choice::kl), none),
                 cell_of(c.perplexity, none),
                 !c.decode              ? "not timed"
                 : on_front(c, choices) ? "yes"
                                        : "no",
                 kFits[size_t(judged.fit)],
                 judged.why.empty() ? Cell(Missing{"within limits"}) : Cell(judged.why)});
  }
  section.notes = {
      "On the front: no other configuration is as good in speed, divergence and memory, and better "
      "in one. "
      "Figures of one configuration may come from several files; where several give the same one, "
      "the last counts."};
  return section;
}

Chart pareto_chart(const std::vector<Choice>& choices) {
  Chart chart{"pareto", "Speed, quality and size", {}};
  int64_t timed = 0, close = 0;
  double largest = 0;
  for (const Choice& c : choices) {
    timed += c.decode.has_value();
    close += c.decode && figure_of(c, &Choice::kl);
    largest = std::max(largest, c.weight_bytes.value_or(0));
  }
  if (timed < 2) return chart;
  const bool with_kl = close >= 2;
  const auto y_of = [&](const Choice& c) {
    if (with_kl) return figure_of(c, &Choice::kl);
    return c.memory_bytes ? std::optional<double>(*c.memory_bytes / 1e9) : std::nullopt;
  };
  Panel panel{
      with_kl ? "Decode speed against divergence, area: weights" : "Decode speed against memory",
      PanelKind::kScatter,
      "decode (tokens/s)",
      with_kl ? "mean KL from the reference (nats)" : "memory (GB)",
      {},
      {{"on the front", {}}, {"another is better", {}}}};
  for (const Choice& c : choices) {
    const std::optional<double> y = y_of(c);
    if (!c.decode || !y) continue;
    Point point{*c.decode, *y, std::nullopt, c.name};
    if (c.weight_bytes && largest > 0) {
      point.size = std::sqrt(*c.weight_bytes / largest);
      point.label += fmt::format(" ({} GB)", display(*c.weight_bytes / 1e9));
    }
    panel.series[on_front(c, choices) ? 0 : 1].points.push_back(std::move(point));
  }
  chart.panels.push_back(std::move(panel));
  return chart;
}

std::string recommendation(const std::vector<Choice>& choices, const std::vector<Limit>& limits) {
  const Choice* best = nullptr;
  int64_t timed = 0;
  for (const Choice& c : choices) {
    if (!c.decode) continue;
    ++timed;
    if (judge(c, limits).fit == Fit::kFits && (!best || *c.decode > *best->decode)) best = &c;
  }
  std::string bounds;
  for (const Limit& limit : limits) bounds += (bounds.empty() ? "" : ", ") + limit.text;
  if (timed == 0)
    return limits.empty() ? "" : "No recommendation: no configuration was timed in decode.";
  if (!best)
    return bounds.empty()
               ? "No recommendation: every configuration that was timed is beyond the tolerances."
               : fmt::format("No recommendation: no configuration is known to be within {}.",
                             bounds);
  if (timed < 2 && limits.empty()) return {};
  std::string text =
      fmt::format("Recommended: {}: fastest decode ({} tokens/s) of {} timed configurations",
                  best->name, display(*best->decode), timed);
  text += bounds.empty() ? "" : " within " + bounds;
  const std::optional<double> kl = figure_of(*best, &Choice::kl);
  text += kl ? fmt::format(", mean KL {}", display(*kl)) : ", its accuracy was not measured";
  if (best->memory_bytes) text += fmt::format(", memory {} GB", display(*best->memory_bytes / 1e9));
  return text + ".";
}

}  // namespace qwench::bench::report
