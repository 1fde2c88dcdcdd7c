// A file's own figures are kept; what a file does not hold is computed as statistics.h does.
#include "bench/report/samples.h"

#include <algorithm>

namespace qwench::bench::report {

std::optional<Interval> find_interval(const Field& object, std::string_view key) {
  const std::optional<Field> field = object.find(key);
  if (!field) return std::nullopt;
  const std::vector<Field> ends = field->items();
  if (ends.size() != 2) field->refuse("two numbers");
  const Interval interval{ends[0].number(), ends[1].number()};
  if (interval.lo > interval.hi) field->refuse("the lower end first");
  return interval;
}

Sampled read_sampled(const Field& summary) {
  Sampled s;
  s.n = summary.at("n").integer();
  s.median = summary.at("median").number(), s.mean = summary.at("mean").number();
  s.std = summary.at("std").number();
  s.min = summary.at("min").number(), s.max = summary.at("max").number();
  if (s.n < 1) summary.at("n").refuse("at least 1");
  if (s.std < 0) summary.at("std").refuse("at least 0");
  if (!(s.min <= s.median && s.median <= s.max))
    summary.at("median").refuse("min <= median <= max");
  s.ci95 = find_interval(summary, "ci95");
  s.p95 = summary.find_number("p95"), s.p99 = summary.find_number("p99");
  s.unstable = summary.find_flag("unstable", s.unstable);
  if (const auto values = summary.find("values"))
    for (const Field& value : values->items()) s.values.push_back(value.number());
  return s;
}

Sampled sampled(std::vector<double> values) {
  const Summary summary = summarize(values);
  Sampled s;
  s.n = int64_t(values.size());
  s.median = summary.median, s.min = summary.min, s.max = summary.max;
  s.mean = mean(values), s.std = standard_deviation(values);
  s.ci95 = median_interval(values), s.unstable = unstable(values);
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  for (const auto& [fraction, percentile] : {std::pair{0.95, &s.p95}, {0.99, &s.p99}})
    if (s.n >= samples_for_percentile(fraction)) *percentile = quantile(sorted, fraction);
  s.values = std::move(values);
  return s;
}

Sampled scaled(Sampled s, double factor) {
  for (double* x : {&s.median, &s.mean, &s.std, &s.min, &s.max}) *x *= factor;
  for (double& v : s.values) v *= factor;
  for (std::optional<double>* p : {&s.p95, &s.p99})
    if (*p) **p *= factor;
  if (s.ci95) s.ci95 = Interval{s.ci95->lo * factor, s.ci95->hi * factor};
  return s;
}

bool apart(const Sampled& a, const Sampled& b) {
  return a.ci95 && b.ci95 && (a.ci95->hi < b.ci95->lo || b.ci95->hi < a.ci95->lo);
}

}  // namespace qwench::bench::report
