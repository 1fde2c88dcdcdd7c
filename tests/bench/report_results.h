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

/// One machine and one build, so that results may be compared.
inline OrderedJson environment_of_tests() {
  return {{"tool",
           {{"version", "0.1.0"},
            {"git_hash", "0123abc"},
            {"build_type", "Release"},
            {"program_hash", "00000000feedbeef"}}},
          {"cpu", {{"model", "test cpu"}, {"isa", "avx2 fma f16c"}, {"physical_cores", 2}}}};
}

/// What identifies the weights of a model in results, beyond its name.
inline OrderedJson identity_of(const std::string& model) {
  return {{"checkpoint_hash", fmt::format("{:016x}", std::hash<std::string>()(model))},
          {"plugin_hashes", OrderedJson::array()}};
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
  OrderedJson config = {{"model_type", "qwen2"},      {"parameters", 1000},
                        {"kernel_policy", "default"}, {"prefill_chunk", 512},
                        {"check_finite", false},      {"mmap", false}};
  config.update(identity_of(model));
  return {{"schema_version", 1},
          {"command", "bench"},
          {"environment", environment_of_tests()},
          {"config", config},
          {"rows", {row, other}}};
}

/// How `accuracy` and `compare` describe a configuration; bench_result(model, ...) is of the same one.
inline OrderedJson described(const std::string& name, const std::string& model) {
  OrderedJson json = {{"name", name},         {"model", model},
                      {"dtype", "q4_0"},      {"kv_dtype", "f32"},
                      {"backend", "cpu"},     {"threads", 2},
                      {"prefill_chunk", 512}, {"kernel_policy", "default"},
                      {"injection", nullptr}, {"check_finite", false},
                      {"mmap", false}};
  json.update(identity_of(model));
  return json;
}

/// What `--candidate ...,inject.layer=1,inject.noise=0.2` adds.
inline OrderedJson damage() { return {{"layer", 1}, {"noise", 0.2}, {"seed", 1}, {"delay", 0}}; }

/// A result of `accuracy` over one text against one reference, without candidates.
inline OrderedJson accuracy_result() {
  OrderedJson reference = described("reference", "shared");
  reference["kernel_policy"] = "linear=reference", reference["perplexity"] = 5.4;
  OrderedJson result = {{"schema_version", 1},
                        {"command", "accuracy"},
                        {"environment", environment_of_tests()},
                        {"pass", true},
                        {"text",
                         {{"file", "heldout.txt"},
                          {"ids", 256},
                          {"ids_hash", "00000000000000aa"},
                          {"window", 64},
                          {"windows", 4},
                          {"windows_run", 4}}},
                        {"reference", reference}};
  result["candidates"] = OrderedJson::array();
  return result;
}

/// A candidate of it, with one limit that it keeps or misses.
inline OrderedJson candidate_of(const std::string& name, const std::string& model, double kl,
                                bool pass) {
  OrderedJson candidate = described(name, model);
  candidate["kld"] = {{"mean", kl}, {"max", 1}};
  candidate["perplexity"] = 5.5, candidate["top1"] = 0.97;
  candidate["verdicts"] = OrderedJson::array();
  candidate["verdicts"].push_back({{"metric", "kl_mean"},
                                   {"value", kl},
                                   {"limit", pass ? kl + 1 : kl / 2},
                                   {"bound", "at_most"},
                                   {"pass", pass}});
  candidate["pass"] = pass;
  return candidate;
}

/// The same with one candidate, which bench_result(model, ...) is a configuration of.
inline OrderedJson accuracy_result(const std::string& model, double kl, bool pass) {
  OrderedJson result = accuracy_result();
  result["candidates"].push_back(candidate_of("candidate", model, kl, pass));
  result["pass"] = pass;
  return result;
}

/// A result of `compare` of two configurations of one model, `b` with the verdict.
inline OrderedJson compare_result(const std::string& verdict, double ratio) {
  const auto samples = [](double median) {
    return bench::to_json(bench::summarize({median * 0.99, median, median * 1.01, median, median}));
  };
  OrderedJson result = {{"schema_version", 1},
                        {"command", "compare"},
                        {"environment", environment_of_tests()},
                        {"config", {{"model", "m"}, {"decode_tokens", 8}, {"batch", 1}}}};
  result["configurations"] = OrderedJson::array(), result["pairs"] = OrderedJson::array();
  for (const char* name : {"a", "b"}) {
    OrderedJson c = described(name, name);
    c["decode_tokens_per_second"] = samples(name == std::string("a") ? 100 : 100 * ratio);
    c["logits"] = {{"tokens", 32}, {"mean_kl", 0.001}, {"top1", 0.99}};
    result["configurations"].push_back(c);
  }
  result["pairs"].push_back({{"a", "a"},
                             {"b", "b"},
                             {"phase", "decode"},
                             {"ratio", ratio},
                             {"ci95", {ratio * 0.9, ratio * 1.1}},
                             {"noise_floor", 0.01},
                             {"runs", 12},
                             {"runs_needed", nullptr},
                             {"verdict", verdict}});
  return result;
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
                      {"unit", "ns"},
                      {"ceiling_percent", nullptr},
                      {"outcome", "pass"},
                      {"note", ""}});
  criteria.push_back({{"name", "decode"},
                      {"expected", "> 50 tokens/s"},
                      {"value", nullptr},
                      {"ceiling_percent", 160.0},
                      {"outcome", "unreachable here"},
                      {"note", "the ceiling is 31"}});
  OrderedJson suite = {{"suite", "latency_consistency"}, {"types", {"performance"}}};
  suite["figures"] = figures, suite["criteria"] = criteria;
  suite["details"] = OrderedJson::object();
  OrderedJson result = {{"schema_version", 1}, {"command", "suites"}};
  result["suites"] = OrderedJson::array();
  result["suites"].push_back(suite);
  return result;
}

/// A sample of a monitor, half an hour after the one before.
inline OrderedJson monitor_sample(int i, double response_ns) {
  return {{"timestamp",
           fmt::format("2026-01-{:02}T{:02}:{:02}:00Z", 1 + i / 48, i / 2 % 24, i % 2 * 30)},
          {"response_time_ns", response_ns},
          {"tokens_generated", 32},
          {"memory_usage_percent", 40 + i % 5},
          {"memory_available_bytes", 8e9},
          {"model_name", "qwench-tiny"}};
}

/// n samples, half an hour apart; those of the later half take `slower` times as long.
inline OrderedJson monitor_result(int n, double slower = 1) {
  OrderedJson samples = OrderedJson::array();
  for (int i = 0; i < n; ++i)
    samples.push_back(monitor_sample(i, (1e8 + 1e6 * (i * 7 % 20)) * (2 * i < n ? 1 : slower)));
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
