// Headline figures are medians where the guides had one number, and mean, std, min, max where they had those.
#include "bench/suites/result_files.h"

#include <algorithm>
#include <filesystem>

#include "bench/suites/report.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "cuda/cuda_backend.h"

namespace qwench::bench {

namespace {

/// A number of a figure's summary, divided by `unit`; null where there is none.
OrderedJson figure(const OrderedJson& document, const char* suite, const char* name,
                   const char* key, double unit = 1) {
  const OrderedJson summary = find_summary(document.at("suites"), suite, name);
  if (!summary.is_object()) return nullptr;
  return summary.at(key).get<double>() / unit;
}

/// GB that the backend held after an answer, of all kinds.
OrderedJson allocated(const OrderedJson& document) {
  double sum = 0;
  for (std::string_view kind : kMemoryKindNames) {
    const OrderedJson bytes =
        figure(document, "memory_phases", fmt::format("decoded_{}", kind).c_str(), "median", 1e9);
    if (bytes.is_null()) return nullptr;
    sum += bytes.get<double>();
  }
  return sum;
}

OrderedJson detail(const OrderedJson& document, const char* suite, const char* key) {
  for (const OrderedJson& s : document.at("suites"))
    if (s.at("suite") == suite && s.contains("details") && s.at("details").contains(key))
      return s.at("details").at(key);
  return nullptr;
}

OrderedJson only_type(OrderedJson document, const char* type) {
  OrderedJson kept = OrderedJson::array();
  for (OrderedJson& suite : document.at("suites")) {
    const OrderedJson& types = suite.at("types");
    if (std::find(types.begin(), types.end(), type) != types.end())
      kept.push_back(std::move(suite));
  }
  return suites_document(document.at("config"), std::move(kept),
                         document.at("interrupted").get<bool>());
}

}  // namespace

OrderedJson headline_json(const OrderedJson& document) {
  const OrderedJson& config = document.at("config");
  OrderedJson latency = OrderedJson::object();
  for (const char* key : {"mean", "std", "min", "max"})
    latency[key] = figure(document, "latency", "latency", key, 1e9);
  return {{"model_name", config.value("model", "")},
          {"timestamp", utc_now()},
          {"hardware",
           {{"device", config.value("backend", "")},
            {"cuda_available", cuda::cuda_unavailable() == nullptr},
            {"cuda_device_name", nullptr}}},
          {"throughput",
           {{"samples_per_second", figure(document, "throughput", "samples_per_second", "median")},
            {"tokens_per_second", figure(document, "throughput", "tokens_per_second", "median")},
            {"total_time", detail(document, "throughput", "total_seconds")},
            {"total_samples", detail(document, "throughput", "total_samples")}}},
          {"latency", latency},
          {"memory",
           {{"allocated", allocated(document)},
            {"reserved", nullptr},
            {"max", figure(document, "memory_phases", "process_peak_rss", "max", 1e9)}}}};
}

std::string headline_csv(const OrderedJson& document) {
  const OrderedJson h = headline_json(document);
  const std::pair<const char*, OrderedJson> rows[] = {
      {"Throughput (samples/s)", h["throughput"]["samples_per_second"]},
      {"Throughput (tokens/s)", h["throughput"]["tokens_per_second"]},
      {"Mean Latency (s)", h["latency"]["mean"]},
      {"Std Latency (s)", h["latency"]["std"]},
      {"Min Latency (s)", h["latency"]["min"]},
      {"Max Latency (s)", h["latency"]["max"]},
      {"Peak Memory (GB)", h["memory"]["max"]},
  };
  std::string csv = "Metric,Value\n";
  for (const auto& [metric, value] : rows)
    csv += fmt::format("{},{}\n", metric,
                       value.is_number() ? fmt::format("{:.6g}", value.get<double>()) : "");
  return csv;
}

std::vector<std::string> write_result_files(const std::string& folder,
                                            const OrderedJson& document) {
  const std::string base = folder + "/";
  const std::pair<std::string, std::string> files[] = {
      {base + "all_benchmark_results.json", to_text(document)},
      {base + "system_benchmark_results.json", to_text(only_type(document, "system"))},
      {base + "benchmark_results.json", to_text(headline_json(document))},
      {base + "benchmark_summary.csv", headline_csv(document)},
  };
  std::vector<std::string> paths;
  for (const auto& [path, text] : files) {
    write_text_file(path, text);
    paths.push_back(path);
  }
  return paths;
}

}  // namespace qwench::bench
