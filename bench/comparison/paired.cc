// Order statistics and the binomial distribution of signs; see paired.h.
#include "bench/comparison/paired.h"

#include <algorithm>
#include <cmath>

#include "engine/base/check.h"

namespace qwench::bench {

namespace {

/// Largest k for which [x(k), x(n + 1 - k)] covers the median with `confidence`; 0: none does.
int64_t rank_of(int64_t n, double confidence) {
  int64_t k = 0, too_large = n / 2 + 1;  // coverage falls as k grows
  while (k + 1 < too_large) {
    const int64_t middle = (k + too_large) / 2;
    (2 * coins_at_most(n, middle - 1) <= 1 - confidence ? k : too_large) = middle;
  }
  return k;
}

double noise_of(const std::vector<double>& control) {
  const std::optional<Interval> interval = sign_interval(control, 0.95);
  if (!interval) return 0;
  return std::max(std::fabs(interval->lo - 1), std::fabs(interval->hi - 1));
}

/// How many rounds make the interval as narrow as the difference is large: its width falls with the
/// root of their number.
std::optional<int64_t> rounds_for(const Paired& p, const std::vector<double>& ratios,
                                  const PairedRule& rule) {
  constexpr double kMost = 1e6;
  const double difference = std::fabs(std::log(p.ratio)) - rule.margin;
  const std::optional<Interval> interval = sign_interval(ratios, 1 - rule.alpha);
  if (!interval) return least_values(1 - rule.alpha);
  const double half = std::log(interval->hi / interval->lo) / 2;
  const double wanted = std::max(half, p.noise_floor);
  if (difference <= 0) return std::nullopt;
  const double n = double(ratios.size()) * (wanted / difference) * (wanted / difference);
  if (n > kMost) return std::nullopt;
  return std::max(least_values(1 - rule.alpha), int64_t(std::ceil(n)));
}

}  // namespace

std::optional<Interval> sign_interval(std::vector<double> values, double confidence) {
  QWENCH_CHECK(confidence > 0 && confidence < 1);
  const int64_t k = rank_of(int64_t(values.size()), confidence);
  if (k == 0) return std::nullopt;
  std::sort(values.begin(), values.end());
  return Interval{values[size_t(k - 1)], values[values.size() - size_t(k)]};
}

int64_t least_values(double confidence) {
  int64_t n = 2;
  while (rank_of(n, confidence) == 0) ++n;
  return n;
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kBetter: return "better";
    case Verdict::kWorse: return "worse";
    default: return "not_separated";
  }
}

Paired compare_paired(const std::vector<double>& ratios, const std::vector<double>& control,
                      const PairedRule& rule) {
  QWENCH_CHECK(!ratios.empty());
  Paired p;
  p.ratio = median(ratios), p.runs = int64_t(ratios.size());
  p.ci95 = sign_interval(ratios, 0.95);
  p.noise_floor = noise_of(control);
  const std::optional<Interval> sure = sign_interval(ratios, 1 - rule.alpha);
  const bool excludes_one = sure && (sure->lo > 1 || sure->hi < 1);
  const bool large = std::fabs(p.ratio - 1) > std::max(rule.margin, p.noise_floor);
  if (excludes_one && large) p.verdict = p.ratio > 1 ? Verdict::kBetter : Verdict::kWorse;
  p.runs_needed = p.verdict == Verdict::kNotSeparated ? rounds_for(p, ratios, rule) : p.runs;
  return p;
}

OrderedJson to_json(const Paired& p) {
  OrderedJson json = {{"ratio", p.ratio}};
  json["ci95"] = p.ci95 ? OrderedJson{p.ci95->lo, p.ci95->hi} : OrderedJson(nullptr);
  json["verdict"] = name_of(p.verdict);
  json["runs"] = p.runs;
  json["runs_needed"] = p.runs_needed ? OrderedJson(*p.runs_needed) : OrderedJson(nullptr);
  json["noise_floor"] = p.noise_floor;
  return json;
}

}  // namespace qwench::bench
