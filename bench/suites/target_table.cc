// Sources: the guides' tables for M3 Max models, for CPU and GPU deployments and for use cases.
#include "bench/suites/target_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace qwench::bench {

const std::vector<ModelTarget>& model_targets() {
  static const std::vector<ModelTarget> rows = {
      {"1.7B 4-bit", 1.7e9, 4.5, {80, 120}, {80, 200, 300, 400}, {80, 150}, {2.5, 4}},
      {"1.7B 8-bit", 1.7e9, 8.5, {60, 90}, {60, 0, 0, 0}, {100, 180}, {4, 6}},
      {"7B 4-bit", 8.2e9, 4.5, {35, 55}, {35, 80, 120, 150}, {200, 350}, {6, 10}},
      {"7B 8-bit", 8.2e9, 8.5, {25, 40}, {25, 0, 0, 0}, {250, 400}, {10, 16}},
      {"14B 8-bit", 14.8e9, 8.5, {15, 25}, {15, 35, 50, 0}, {400, 600}, {20, 32}},
      {"14B 16-bit", 14.8e9, 16, {8, 15}, {8, 0, 0, 0}, {600, 1000}, {35, 50}},
  };
  return rows;
}

const ModelTarget& nearest_target(double parameters, double bits) {
  const auto distance = [&](const ModelTarget& t) {  // size first: precisions differ by less
    return 10 * std::fabs(std::log(parameters / t.parameters)) + std::fabs(std::log(bits / t.bits));
  };
  const std::vector<ModelTarget>& rows = model_targets();
  return *std::min_element(rows.begin(), rows.end(),
                           [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
}

namespace {

bool within_class(double value, double of_row) {
  constexpr double kWidth = 1.5;
  return value <= kWidth * of_row && value * kWidth >= of_row;
}

std::string_view size_of(const ModelTarget& row) { return row.name.substr(0, row.name.find(' ')); }

/// The sizes, or the precisions of one size.
std::string classes(std::string_view size) {
  std::string list;
  std::string_view last;
  for (const ModelTarget& row : model_targets()) {
    const std::string_view name =
        size.empty() ? size_of(row) : row.name.substr(row.name.find(' ') + 1);
    if ((!size.empty() && size_of(row) != size) || name == last) continue;
    list += fmt::format("{}{}", list.empty() ? "" : ", ", name), last = name;
  }
  return list;
}

}  // namespace

std::string parameters_text(double parameters) {
  return parameters < 1e9 ? fmt::format("{:.3g} million parameters", parameters / 1e6)
                          : fmt::format("{:.3g} billion parameters", parameters / 1e9);
}

TargetClass class_of(double parameters, double bits) {
  TargetClass of{&nearest_target(parameters, bits), ""};
  if (!within_class(parameters, of.nearest->parameters))
    of.why_not = fmt::format("{}: in no size class of the guides ({})", parameters_text(parameters),
                             classes(""));
  else if (!within_class(bits, of.nearest->bits))
    of.why_not = fmt::format("{:.3g} bits a weight: the guides have {} at {}", bits,
                             classes(size_of(*of.nearest)), size_of(*of.nearest));
  return of;
}

const std::vector<UseTarget>& use_targets() {
  using M = TargetMetric;
  static const std::vector<UseTarget> rows = {
      {"development", "cpu", M::kAnswer, 10},
      {"development", "cpu", M::kTokensPerSecond, 10},
      {"development", "cpu", M::kMemory, 2},
      {"good_throughput", "cpu", M::kTokensPerSecond, 20},
      {"interactive", "any", M::kFirstToken, 500},
      {"memory_budget", "any", M::kMemory, 16},
      {"production", "gpu", M::kAnswer, 2},
      {"production", "gpu", M::kTokensPerSecond, 50},
      {"production", "gpu", M::kMemory, 4},
      {"optimized", "gpu", M::kAnswer, 1.5},
      {"optimized", "gpu", M::kTokensPerSecond, 70},
      {"optimized", "gpu", M::kMemory, 3},
      {"good_throughput", "gpu", M::kTokensPerSecond, 100},
  };
  return rows;
}

double ModelCeilings::tokens_per_second(double batch) const {
  const double by_bytes = batch * bytes_per_second / weight_bytes;
  return ops_per_second > 0 ? std::min(by_bytes, ops_per_second / ops_per_token) : by_bytes;
}

double ModelCeilings::first_token_ns(double n) const {
  const double by_bytes = weight_bytes / bytes_per_second;
  return 1e9 * std::max(by_bytes, ops_per_second > 0 ? n * ops_per_token / ops_per_second : 0);
}

}  // namespace qwench::bench
