// The suites of the machine and of the work that is done with it.
#pragma once
#include "bench/suites/suite.h"

namespace qwench::bench {

SuiteResult storage(SuiteContext& context);
SuiteResult memory_bandwidth(SuiteContext& context);
SuiteResult access_pattern(SuiteContext& context);
SuiteResult tensor_overhead(SuiteContext& context);
SuiteResult suitability(SuiteContext& context);
SuiteResult document_pipeline(SuiteContext& context);
SuiteResult retrieval(SuiteContext& context);

// Their rows of the registry.
Suite storage_suite();
Suite memory_bandwidth_suite();
Suite access_pattern_suite();
Suite tensor_overhead_suite();
Suite suitability_suite();
Suite document_pipeline_suite();
Suite retrieval_suite();

/// The thread count of the options, or the physical cores.
int threads_of(const SuiteContext& context);

}  // namespace qwench::bench
