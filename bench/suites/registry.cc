// Every suite, in the order in which `all` runs them.
#include "bench/suites/machine_suites.h"
#include "bench/suites/suite.h"

namespace qwench::bench {

const std::vector<Suite>& suites() {
  static const std::vector<Suite> list = {
      storage_suite(),         memory_bandwidth_suite(), access_pattern_suite(),
      tensor_overhead_suite(), suitability_suite(),      document_pipeline_suite(),
      retrieval_suite(),
  };
  return list;
}

}  // namespace qwench::bench
