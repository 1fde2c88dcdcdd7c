// The files of an output folder, under the names that the guides ask for.
#pragma once
#include <string>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench {

/// Writes all_benchmark_results.json (the document), system_benchmark_results.json (its suites of type
/// "system"), benchmark_results.json and benchmark_summary.csv (the headline figures). Returns their
/// paths. Error when one cannot be written.
std::vector<std::string> write_result_files(const std::string& folder, const OrderedJson& document);

/// {"model_name", "timestamp", "hardware", "throughput", "latency" (s), "memory" (GB)}; what was not
/// measured is null.
OrderedJson headline_json(const OrderedJson& document);
/// "Metric,Value" and seven rows; an empty value was not measured.
std::string headline_csv(const OrderedJson& document);

}  // namespace qwench::bench
