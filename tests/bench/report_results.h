// Results as the commands write them, for tests of the report: small, and easy to spoil.
#pragma once
#include <fmt/format.h>

#include <string>
#include <vector>

#include "bench/report/build.h"
#include "bench/support/output.h"
#include "bench/support/statistics.h"

namespace qwench::test {

inline std::string report_fixture(const std::string& name) {
  return std::string(QWENCH_SOURCE_DIR) + "/tests/data/report/" + name;
}

inline std::vector<std::string> report_fixtures() {
  std::vector<std::string> files;
  for (const char* name : {"bench-bf16.json", "bench-q4_0.json", "kernels.json", "compare.json",
                           "accuracy.json", "regress.json"})
    files.push_back(report_fixture(name));
  return files;
}

/// A result of `bench` with one prefill and one decode row.
inline OrderedJson bench_result(const std::string& model, const std::vector<double>& decode) {
  OrderedJson row = {
      {"model", model},
      {"dtype", "q4_0"},
      {"kv_dtype", "f32"},
      {"backend", "cpu"},
      {"threads", 2},
      {"batch", 1},
      {"depth", 0},
      {"phase", "prefill"},
      {"n_tokens", 8},
      {"tokens_per_second", bench::to_json(bench::summarize({900, 1000, 1100, 1005, 995}))},
      {"ttft_ns", 8e6},
      {"ttft_ns_values", {8.5e6, 8e6, 7.5e6}},
      {"wall_ns", 8000000},
      {"memory", {{"weights", {{"now", 1}, {"peak", 2000000000}}}}},
      {"ops", OrderedJson::array()}};
  OrderedJson other = row;
  other["phase"] = "decode", other["tokens_per_second"] = bench::to_json(bench::summarize(decode));
  other.erase("ttft_ns"), other.erase("ttft_ns_values");
  return {{"schema_version", 1},
          {"command", "bench"},
          {"environment", {{"cpu", {{"model", "cpu of " + model}}}}},
          {"config", {{"model_type", "qwen2"}, {"parameters", 1000}, {"kernel_policy", "default"}}},
          {"rows", {row, other}}};
}

inline OrderedJson suites_result() {
  const OrderedJson summary = bench::to_json(bench::summarize({2e6, 3e6, 4e6}));
  OrderedJson figures = OrderedJson::array(), criteria = OrderedJson::array();
  figures.push_back(
      {{"name", "first_token_latency"}, {"unit", "ns"}, {"summary", summary}, {"missing", ""}});
  figures.push_back(
      {{"name", "energy"}, {"unit", "J"}, {"summary", nullptr}, {"missing", "no counter"}});
  criteria.push_back({{"name", "first_token_latency"},
                      {"expected", "< 10 s"},
                      {"value", 3e6},
                      {"ceiling_percent", nullptr},
                      {"outcome", "pass"},
                      {"note", ""}});
  criteria.push_back({{"name", "decode"},
                      {"expected", "> 50 tokens/s"},
                      {"value", nullptr},
                      {"ceiling_percent", 160.0},
                      {"outcome", "unreachable here"},
                      {"note", "the ceiling is 31"}});
  OrderedJson suite = {{"suite", "latency_consistency"}, {"types", "performance"}};
  suite["figures"] = figures, suite["criteria"] = criteria;
  suite["details"] = OrderedJson::object();
  OrderedJson result = {{"schema_version", 1}, {"command", "suites"}};
  result["suites"] = OrderedJson::array();
  result["suites"].push_back(suite);
  return result;
}

/// n samples, half an hour apart.
inline OrderedJson monitor_result(int n) {
  OrderedJson samples = OrderedJson::array();
  for (int i = 0; i < n; ++i)
    samples.push_back({{"timestamp", fmt::format("2026-01-{:02}T{:02}:{:02}:00Z", 1 + i / 48,
                                                 i / 2 % 24, i % 2 * 30)},
                       {"response_time_ns", 1e8 + 1e6 * (i * 7 % 20)},
                       {"tokens_generated", 32},
                       {"memory_usage_percent", 40 + i % 5},
                       {"memory_available_bytes", 8e9},
                       {"model_name", "qwench-tiny"}});
  return {{"schema_version", 1}, {"command", "monitor"}, {"samples", samples}};
}

inline bench::report::Report report_of(const std::vector<OrderedJson>& results,
                                       const std::vector<std::string>& limits = {}) {
  std::vector<bench::report::Document> documents;
  for (const OrderedJson& result : results)
    documents.push_back({fmt::format("{}.json", documents.size()),
                         result["command"].get<std::string>(),
                         parse_json(bench::to_text(result), "result")});
  return bench::report::build_report(std::move(documents), bench::report::parse_limits(limits),
                                     "Report");
}

}  // namespace qwench::test
