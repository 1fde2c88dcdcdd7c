// What a list of samples says, and what it is too short to say.
#include "bench/support/statistics.h"

#include <algorithm>
#include <cmath>

#include "engine/base/check.h"

namespace qwench::bench {

double median(std::vector<double> values) {
  QWENCH_CHECK(!values.empty());
  const auto middle = values.begin() + int64_t(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

double quantile(const std::vector<double>& sorted, double fraction) {
  QWENCH_CHECK(!sorted.empty() && fraction >= 0 && fraction <= 1);
  const double rank = double(sorted.size() - 1) * fraction;
  const auto below = size_t(rank);
  const double part = rank - double(below);
  // Nothing to add; and where both are infinite, their difference would be NaN.
  if (part == 0 || sorted[below + 1] == sorted[below]) return sorted[below];
  return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

Summary summarize(std::vector<double> values) {
  Summary s;
  s.median = median(values);
  s.min = *std::min_element(values.begin(), values.end());
  s.max = *std::max_element(values.begin(), values.end());
  s.values = std::move(values);
  return s;
}

size_t median_index(const std::vector<double>& values) {
  const double middle = median(values);
  size_t nearest = 0;
  for (size_t i = 1; i < values.size(); ++i)
    if (std::fabs(values[i] - middle) < std::fabs(values[nearest] - middle)) nearest = i;
  return nearest;
}

double mean(const std::vector<double>& values) {
  QWENCH_CHECK(!values.empty());
  double sum = 0;
  for (double v : values) sum += v;
  return sum / double(values.size());
}

double standard_deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double middle = mean(values);
  double sum = 0;
  for (double v : values) sum += (v - middle) * (v - middle);
  return std::sqrt(sum / double(values.size() - 1));
}

double median_deviation(const std::vector<double>& values) {
  const double middle = median(values);
  std::vector<double> deviations;
  for (double v : values) deviations.push_back(std::fabs(v - middle));
  return median(std::move(deviations));
}

double resampled_median(const std::vector<double>& values, std::mt19937_64& random) {
  std::vector<double> drawn(values.size());
  for (double& v : drawn) v = values[random() % values.size()];
  return median(std::move(drawn));
}

std::optional<Interval> two_sample_interval(const std::vector<double>& first,
                                            const std::vector<double>& last, size_t least,
                                            const std::function<double(double, double)>& f) {
  constexpr size_t kResamples = 2000;
  if (first.size() < least || last.size() < least) return std::nullopt;
  std::mt19937_64 random(1);
  std::vector<double> values(kResamples);
  for (double& value : values) {
    const double before = resampled_median(first, random);
    value = f(before, resampled_median(last, random));
  }
  std::sort(values.begin(), values.end());
  return Interval{quantile(values, 0.025), quantile(values, 0.975)};
}

double coins_at_most(int64_t n, int64_t k) {
  double log_choose = 0;  // of choosing 0
  double tail = 0;
  for (int64_t i = 0; i <= k; ++i) {
    if (i > 0) log_choose += std::log((double(n) - double(i) + 1) / double(i));
    tail += std::exp(log_choose - double(n) * std::log(2.0));
  }
  return tail;
}

std::optional<Interval> median_interval(const std::vector<double>& values) {
  constexpr size_t kLeast = 5, kResamples = 2000;
  if (values.size() < kLeast) return std::nullopt;
  std::mt19937_64 random(1);
  std::vector<double> medians(kResamples);
  for (double& m : medians) m = resampled_median(values, random);
  std::sort(medians.begin(), medians.end());
  return Interval{quantile(medians, 0.025), quantile(medians, 0.975)};
}

int64_t samples_for_percentile(double fraction) {
  QWENCH_CHECK(fraction > 0 && fraction < 1);
  return int64_t(std::ceil(std::log(0.05) / std::log(fraction)));
}

std::vector<size_t> outliers(const std::vector<double>& values) {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const double low = quantile(sorted, 0.25), high = quantile(sorted, 0.75);
  const double fence = 1.5 * (high - low);
  std::vector<size_t> indices;
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i] < low - fence || values[i] > high + fence) indices.push_back(i);
  return indices;
}

bool unstable(const std::vector<double>& values) {
  return standard_deviation(values) > 0.1 * std::fabs(mean(values));
}

OrderedJson to_json(const Summary& summary) {
  const std::vector<double>& values = summary.values;
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const double average = mean(values), deviation = standard_deviation(values);
  const std::optional<Interval> interval = median_interval(values);
  OrderedJson json = {{"n", values.size()}, {"median", summary.median}};
  json["ci95"] = interval ? OrderedJson{interval->lo, interval->hi} : OrderedJson(nullptr);
  json["mean"] = average, json["std"] = deviation;
  json["cv"] = average != 0 ? OrderedJson(deviation / std::fabs(average)) : OrderedJson(nullptr);
  json["mad"] = median_deviation(values);
  json["min"] = summary.min, json["max"] = summary.max;
  OrderedJson missing = OrderedJson::object();
  for (double fraction : kPercentiles) {
    const std::string name = fmt::format("p{:.0f}", 100 * fraction);
    const int64_t needed = samples_for_percentile(fraction);
    const bool enough = int64_t(values.size()) >= needed;
    json[name] = enough ? OrderedJson(quantile(sorted, fraction)) : OrderedJson(nullptr);
    if (!enough) missing[name] = needed - int64_t(values.size());
  }
  json["samples_missing"] = missing;
  json["outliers"] = outliers(values);
  json["unstable"] = unstable(values);
  json["values"] = values;
  return json;
}

}  // namespace qwench::bench
