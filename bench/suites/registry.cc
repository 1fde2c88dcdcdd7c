// Every suite, in the order in which `all` runs them.
#include "bench/suites/registry.h"

#include "bench/suites/machine_suites.h"

namespace qwench::bench {

const std::vector<Suite>& suites() {
  static const std::vector<Suite> list = {
      throughput_suite(),        latency_suite(),          latency_consistency_suite(),
      prompt_categories_suite(), depth_sweep_suite(),      memory_phases_suite(),
      memory_stress_suite(),     scalability_suite(),      concurrency_suite(),
      stability_suite(),         comparative_suite(),      accuracy_suite(),
      model_capacity_suite(),    quality_suite(),          targets_suite(),
      storage_suite(),           memory_bandwidth_suite(), access_pattern_suite(),
      tensor_overhead_suite(),   suitability_suite(),      document_pipeline_suite(),
      retrieval_suite(),
  };
  return list;
}

const Suite* find_suite(std::string_view name) {
  for (const Suite& suite : suites())
    if (suite.name == name) return &suite;
  return nullptr;
}

}  // namespace qwench::bench
