// Estimates, good to a factor of about two: enough to choose between minutes and hours.
#include "bench/suites/plan.h"

#include <algorithm>

#include "bench/support/table.h"

namespace qwench::bench {

Rates estimate_rates(const ModelConfig& config, double weight_bytes, double bytes_per_second,
                     double ops_per_second) {
  constexpr double kBandwidthPart = 0.7, kPeakPart = 0.4, kLeastStep = 1e-4;
  Rates rates;
  rates.step = kLeastStep + weight_bytes / (kBandwidthPart * bytes_per_second);
  rates.prompt_token = 2 * double(config.parameters()) / (kPeakPart * ops_per_second);
  return rates;
}

std::vector<PlannedSuite> plan_suites(const std::vector<const Suite*>& suites,
                                      SuiteContext& context, const Rates& rates) {
  const ModelConfig& config = context.checkpoint().config();
  const SuiteOptions& o = context.options();
  const int64_t weights = planned_weight_bytes(o.model, context.checkpoint());
  std::vector<PlannedSuite> plan;
  for (const Suite* suite : suites) {
    PlannedSuite planned;
    planned.suite = suite;
    if (suite->cost) {
      const SuiteCost cost = suite->cost(o, config);
      const SessionOptions session = session_options(o.model, cost.n_seq, cost.capacity);
      planned.memory_bytes = cost.models * plan_memory(config, weights, session).total();
      planned.seconds = cost.seconds + double(cost.decode_steps) * rates.step +
                        double(cost.prefill_tokens) * rates.prompt_token;
    }
    plan.push_back(planned);
  }
  return plan;
}

OrderedJson plan_json(const std::vector<PlannedSuite>& plan, int64_t available_bytes) {
  OrderedJson rows = OrderedJson::array();
  int64_t most = 0;
  double seconds = 0;
  for (const PlannedSuite& p : plan) {
    OrderedJson memory = nullptr, fits = nullptr, time = nullptr;
    if (p.memory_bytes) memory = *p.memory_bytes, fits = *p.memory_bytes <= available_bytes;
    if (p.seconds) time = *p.seconds, seconds += *p.seconds;
    most = std::max(most, p.memory_bytes.value_or(0));
    rows.push_back(
        {{"suite", p.suite->name}, {"memory_bytes", memory}, {"fits", fits}, {"seconds", time}});
  }
  return {{"suites", rows},
          {"memory_bytes", most},
          {"available_bytes", available_bytes},
          {"fits", most <= available_bytes},
          {"seconds", seconds}};
}

std::string plan_text(const OrderedJson& plan) {
  Table table({"<suite", "memory", "<fits", "about"});
  for (const OrderedJson& row : plan.at("suites")) {
    const OrderedJson &memory = row.at("memory_bytes"), &fits = row.at("fits"),
                      &seconds = row.at("seconds");
    table.add({row.at("suite").get<std::string>(),
               memory.is_null() ? "-" : format_bytes(memory.get<int64_t>()),
               fits.is_null()     ? "-"
               : fits.get<bool>() ? "yes"
                                  : "no",
               seconds.is_null() ? "-" : fmt::format("{:.1f} s", seconds.get<double>())});
  }
  const int64_t needed = plan.at("memory_bytes"), available = plan.at("available_bytes");
  return fmt::format("{}{} suites, about {:.0f} s; memory needed {}, available {}\n",
                     table.to_string(), plan.at("suites").size(), plan.at("seconds").get<double>(),
                     format_bytes(needed), format_bytes(available));
}

}  // namespace qwench::bench
