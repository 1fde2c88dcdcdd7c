// The rows of the registry that live in files of their own, in the order of registry.cc.
#pragma once
#include "bench/suites/suite.h"

namespace qwench::bench {

Suite throughput_suite();
Suite latency_suite();
Suite latency_consistency_suite();
Suite prompt_categories_suite();
Suite depth_sweep_suite();
Suite memory_phases_suite();
Suite memory_stress_suite();
Suite scalability_suite();
Suite concurrency_suite();
Suite stability_suite();
Suite comparative_suite();
Suite accuracy_suite();
Suite model_capacity_suite();
Suite quality_suite();
Suite targets_suite();

/// The row of that name; null where there is none.
const Suite* find_suite(std::string_view name);

}  // namespace qwench::bench
