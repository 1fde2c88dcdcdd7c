// Results of `qwench bench` in the forms that other tools read. A result is a file: nothing of it is
// believed before it was checked.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench {

/// A row of a result, as the formats need it.
struct ExportedRow {
  std::string phase, model, dtype, kv_dtype, backend;
  int64_t threads = 0, batch = 0, depth = 0, n_tokens = 0, weights_bytes = 0;
  std::vector<double> tokens_per_second;  // each above 0

  /// Nanoseconds of each run over all its tokens.
  std::vector<double> run_ns() const;
  /// "decode/qwen3-0.6b/q4g/tokens:32/batch:1/depth:0/threads:2".
  std::string name() const;
};

struct ExportedResult {
  std::vector<ExportedRow> rows;
  std::string version, git_hash, cpu, machine, started;  // "" where the result does not say
  int64_t parameters = 0, prefill_chunk = 0;
  bool mmap = false;
};

/// Error naming `where` and what is wrong with the document.
ExportedResult read_result(const Json& document, const std::string& where);

std::string google_benchmark_json(const ExportedResult& result);
std::string benchstat_text(const ExportedResult& result);
std::string github_action_json(const ExportedResult& result);
/// llama-bench knows no parallel sequences: rows of a batch above 1 are left out.
std::string llama_bench_json(const ExportedResult& result);

struct ExportFormat {
  std::string_view name;  // of --format
  std::string (*write)(const ExportedResult& result);
};
constexpr ExportFormat kExportFormats[] = {
    {"google-benchmark", google_benchmark_json},
    {"benchstat", benchstat_text},
    {"github-action", github_action_json},
    {"llama-bench", llama_bench_json},
};

}  // namespace qwench::bench
