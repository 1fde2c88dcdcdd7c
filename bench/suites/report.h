// The results of suites as JSON, and everything made from that JSON: text, CSV, counts. A suite that was
// read back from a journal is reported exactly as one that has just run.
#pragma once
#include <string>

#include "bench/suites/suite.h"

namespace qwench::bench {

constexpr int kSuitesSchemaVersion = 1;

/// {"suite", "types", "method", "seconds", "figures": [{"name", "unit", "summary", "missing"}],
/// "criteria": [{"name", "expected", "value", "unit", "ceiling_percent", "outcome", "note"}], "details",
/// "interrupted", "error"}.
OrderedJson suite_json(const Suite& suite, const SuiteResult& result, double seconds);
/// The same of a suite that ended with an error.
OrderedJson failed_suite_json(const Suite& suite, const std::string& error, double seconds);

/// Error naming `where` unless the object has what the reports read.
void check_suite_json(const Json& suite, const std::string& where);

struct OutcomeCounts {
  int64_t pass = 0, fail = 0, unreachable = 0, not_applicable = 0, unknown = 0, errors = 0;
};
/// Of an array of suites.
OutcomeCounts count_outcomes(const OrderedJson& suites);

/// {"schema_version", "command", "environment", "config", "validation", "suites", "interrupted"}.
OrderedJson suites_document(OrderedJson config, OrderedJson suites, bool interrupted);

std::string suites_text(const OrderedJson& document);
/// suite,figure,unit,n,median,mean,std,min,max: one line a figure.
std::string suites_csv(const OrderedJson& document);

/// The summary of a figure in an array of suites; null where it is not there or was not measured.
OrderedJson find_summary(const OrderedJson& suites, std::string_view suite,
                         std::string_view figure);

}  // namespace qwench::bench
