// Limits are one table: name, direction, units, and which figure of a choice they bound.
#include "bench/report/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>

#include "bench/report/units.h"
#include "bench/support/suggest.h"
#include "engine/base/check.h"

namespace qwench::bench::report {

namespace {

using Units = std::map<std::string, double>;

struct Bound {
  const char* name;
  const char* what;
  const char* unit;
  bool at_least;
  std::optional<double> Candidate::*figure;
};
constexpr Bound kBounds[] = {
    {"memory", "memory", "B", false, &Candidate::memory_bytes},
    {"ttft", "first token", "ms", false, &Candidate::first_token_ms},
    {"kl", "mean KL", "nats", false, &Candidate::worst_kl},
    {"perplexity", "perplexity", "", false, &Candidate::worst_perplexity},
    {"ppl_ratio", "PPL ratio", "", false, &Candidate::worst_ratio},
    {"speed", "decode", "tokens/s", true, &Candidate::decode},
    {"prefill", "prefill", "tokens/s", true, &Candidate::prefill},
};

/// What `accuracy --tolerance` and `tune` call the same figures.
constexpr std::pair<const char*, const char*> kOtherNames[] = {{"kld_mean", "kl"},
                                                               {"mem", "memory"}};

const Bound* find_bound(std::string_view name) {
  for (const auto& [other, own] : kOtherNames)
    if (name == other) name = own;
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

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  for (const Bound& bound : kBounds) names.emplace_back(bound.name);
  return names;
}

}  // namespace

std::string limit_names() { return fmt::format("{}", fmt::join(known_names(), ", ")); }

std::vector<Limit> parse_limits(const std::vector<std::string>& texts) {
  std::vector<Limit> limits;
  const std::vector<std::string> known = known_names();
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    const std::string given = text.substr(0, equals);
    const Bound* bound = find_bound(given);
    if (equals == std::string::npos || !bound) {
      const std::string near = nearest(given, known);
      fail_usage("--limit: expected NAME=VALUE with a name of {}, got {}{}", limit_names(),
                 in_quotes(text),
                 near.empty() || near == given ? "" : "; did you mean " + near + "?");
    }
    const std::string name = bound->name;
    for (const Limit& other : limits)
      if (other.name == name) fail_usage("--limit: expected each name once, got {} twice", name);
    limits.push_back(
        {name, printable_text(text), parse_value(name, text.substr(equals + 1), text)});
  }
  return limits;
}

Judged judge(const Candidate& candidate, const std::vector<Limit>& limits) {
  Judged judged;
  const auto add = [&](Fit fit, const std::string& why) {
    if (judged.fit != Fit::kMisses) judged.fit = fit;
    judged.why += (judged.why.empty() ? "" : "; ") + why;
  };
  if (candidate.failed())
    add(Fit::kMisses, fmt::format("failed {}", fmt::join(candidate.choice->failures, ", ")));
  for (const Limit& limit : limits) {
    const Bound& bound = *find_bound(limit.name);
    const std::optional<double> value = candidate.*bound.figure;
    if (!value)
      add(Fit::kUnknown, fmt::format("{} not measured", bound.what));
    else if (bound.at_least ? *value < limit.value : *value > limit.value)
      add(Fit::kMisses,
          fmt::format("{} {} misses {}", bound.what, readable(*value, bound.unit), limit.text));
  }
  return judged;
}

}  // namespace qwench::bench::report
