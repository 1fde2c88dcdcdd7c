// Field names and their meaning are those of the tools: Google Benchmark's console/JSON reporter, the Go
// benchmark format, github-action-benchmark's customBiggerIsBetter, llama-bench -o json.
#include "bench/export/export.h"

#include <algorithm>
#include <cmath>

#include "bench/support/output.h"
#include "bench/support/statistics.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

std::string text_or_empty(const Json& document, const char* block, const char* key) {
  if (!has(document, "environment")) return {};
  const Json& environment = document.at("environment");
  const Json* from = &environment;
  if (*block) {
    if (!has(environment, block)) return {};
    from = &environment.at(block);
  }
  return has(*from, key) && from->at(key).is_string() ? from->at(key).get<std::string>() : "";
}

std::vector<double> speeds(const Json& row, const std::string& where) {
  if (!has(row, "tokens_per_second") || !has(row.at("tokens_per_second"), "values"))
    fail("{}: expected tokens_per_second.values, got {}", where, describe(row));
  const Json& list = row.at("tokens_per_second").at("values");
  std::vector<double> values;
  if (!list.is_array() || list.empty())
    fail("{}: tokens_per_second.values: expected a list of numbers, got {}", where, describe(list));
  for (const Json& value : list) {
    if (!value.is_number() || !(value.get<double>() > 0))
      fail("{}: tokens_per_second.values: expected numbers above 0, got {}", where,
           describe(value));
    values.push_back(value.get<double>());
  }
  return values;
}

/// 0 where the row does not say.
int64_t weights_of(const Json& row, const std::string& where) {
  if (!has(row, "memory") || !has(row.at("memory"), "weights")) return 0;
  return read_int(row.at("memory").at("weights"), "peak", 0, INT64_MAX, where);
}

ExportedRow read_row(const Json& row, const std::string& where) {
  if (!row.is_object()) fail("{}: expected an object, got {}", where, describe(row));
  constexpr int64_t kMost = int64_t(1) << 40;
  ExportedRow r;
  r.phase = read_string(row, "phase", where);
  if (r.phase != "prefill" && r.phase != "decode")
    fail("{}: phase: expected prefill or decode, got {}", where, in_quotes(r.phase));
  r.model = read_string(row, "model", where), r.dtype = read_string(row, "dtype", where);
  r.kv_dtype = read_string(row, "kv_dtype", where);
  r.backend = read_string(row, "backend", where);
  r.threads = read_int(row, "threads", 1, kMost, where);
  r.batch = read_int(row, "batch", 1, kMost, where);
  r.depth = read_int(row, "depth", 0, kMost, where);
  r.n_tokens = read_int(row, "n_tokens", 1, kMost, where);
  r.weights_bytes = weights_of(row, where);
  r.tokens_per_second = speeds(row, where);
  return r;
}

int64_t config_integer(const Json& document, const char* key, const std::string& where) {
  if (!has(document, "config") || !has(document.at("config"), key)) return 0;
  return read_int(document.at("config"), key, 0, INT64_MAX, where + ": config");
}

/// What a Go benchmark's name may hold: no blanks, and nothing that splits it.
std::string plain(std::string text) {
  for (char& c : text)
    if (c <= ' ' || c == '/' || c == '=' || c == '\x7f') c = '_';
  return text;
}

/// What every entry of a row begins with; `type` is "iteration" or "aggregate".
OrderedJson google_entry(const ExportedRow& row, const std::string& ending, const char* type) {
  return {{"name", row.name() + ending},
          {"run_name", row.name()},
          {"run_type", type},
          {"repetitions", row.tokens_per_second.size()},
          {"threads", row.threads}};
}

void add_times(OrderedJson& entry, double ns, double speed) {
  entry["iterations"] = 1;
  entry["real_time"] = ns, entry["cpu_time"] = ns, entry["time_unit"] = "ns";
  entry["items_per_second"] = speed;
}

void add_runs(OrderedJson& list, const ExportedRow& row) {
  const std::vector<double> ns = row.run_ns();
  for (size_t i = 0; i < ns.size(); ++i) {
    OrderedJson entry = google_entry(row, "", "iteration");
    entry["repetition_index"] = i;
    add_times(entry, ns[i], row.tokens_per_second[i]);
    list.push_back(std::move(entry));
  }
}

void add_aggregates(OrderedJson& list, const ExportedRow& row) {
  using Statistic = double (*)(const std::vector<double>&);
  const std::pair<const char*, Statistic> statistics[] = {
      {"mean", mean},
      {"median", [](const std::vector<double>& v) { return median(v); }},
      {"stddev", standard_deviation}};
  for (const auto& [name, of] : statistics) {
    OrderedJson entry = google_entry(row, std::string("_") + name, "aggregate");
    entry["aggregate_name"] = name, entry["aggregate_unit"] = "time";
    add_times(entry, of(row.run_ns()), of(row.tokens_per_second));
    list.push_back(std::move(entry));
  }
}

/// What llama-bench can be told and qwench cannot: its scripts expect every field.
OrderedJson llama_bench_settings(const ExportedResult& result, const ExportedRow& row) {
  return {{"n_batch", result.prefill_chunk},
          {"n_ubatch", result.prefill_chunk},
          {"n_threads", row.threads},
          {"cpu_mask", "0x0"},
          {"cpu_strict", false},
          {"poll", 0},
          {"type_k", row.kv_dtype},
          {"type_v", row.kv_dtype},
          {"n_gpu_layers", 0},
          {"split_mode", "none"},
          {"main_gpu", 0},
          {"no_kv_offload", false},
          {"flash_attn", false},
          {"tensor_split", "0.00"},
          {"tensor_buft_overrides", "none"},
          {"use_mmap", result.mmap},
          {"embeddings", false},
          {"no_op_offload", 0}};
}

OrderedJson llama_bench_row(const ExportedResult& result, const ExportedRow& row) {
  const bool prefill = row.phase == "prefill";
  const std::vector<double> ns = row.run_ns();
  const auto whole = [](double value) { return int64_t(std::llround(value)); };
  std::vector<int64_t> samples;
  for (double t : ns) samples.push_back(whole(t));
  OrderedJson json = {{"build_commit", result.git_hash},
                      {"build_number", 0},
                      {"cpu_info", result.cpu},
                      {"gpu_info", ""},
                      {"backends", row.backend},
                      {"model_filename", row.model},
                      {"model_type", row.model + " " + row.dtype},
                      {"model_size", row.weights_bytes},
                      {"model_n_params", result.parameters}};
  json.update(llama_bench_settings(result, row));
  json.update({{"n_prompt", prefill ? row.n_tokens : 0},
               {"n_gen", prefill ? 0 : row.n_tokens},
               {"n_depth", row.depth},
               {"test_time", result.started},
               {"avg_ns", whole(mean(ns))},
               {"stddev_ns", whole(standard_deviation(ns))},
               {"avg_ts", mean(row.tokens_per_second)},
               {"stddev_ts", standard_deviation(row.tokens_per_second)},
               {"samples_ns", samples},
               {"samples_ts", row.tokens_per_second}});
  return json;
}

}  // namespace

std::vector<double> ExportedRow::run_ns() const {
  std::vector<double> ns;
  for (double speed : tokens_per_second) ns.push_back(double(batch * n_tokens) * 1e9 / speed);
  return ns;
}

std::string ExportedRow::name() const {
  return fmt::format("{}/{}/{}/tokens:{}/batch:{}/depth:{}/threads:{}", phase, plain(model),
                     plain(dtype), n_tokens, batch, depth, threads);
}

ExportedResult read_result(const Json& document, const std::string& where) {
  if (!document.is_object() || !has(document, "rows") || !document.at("rows").is_array())
    fail("{}: expected a result of `qwench bench` with rows, got {}", where, describe(document));
  if (document.at("rows").empty()) fail("{}: rows: expected at least one, got none", where);
  ExportedResult result;
  for (size_t i = 0; i < document.at("rows").size(); ++i)
    result.rows.push_back(
        read_row(document.at("rows").at(i), fmt::format("{}: rows[{}]", where, i)));
  result.version = text_or_empty(document, "tool", "version");
  result.git_hash = text_or_empty(document, "tool", "git_hash");
  result.cpu = text_or_empty(document, "cpu", "model");
  result.machine = text_or_empty(document, "os", "machine");
  result.started = text_or_empty(document, "", "started");
  result.parameters = config_integer(document, "parameters", where);
  result.prefill_chunk = config_integer(document, "prefill_chunk", where);
  if (has(document, "config"))
    result.mmap = read_bool(document.at("config"), "mmap", false, where + ": config");
  return result;
}

std::string google_benchmark_json(const ExportedResult& result) {
  OrderedJson list = OrderedJson::array();
  for (const ExportedRow& row : result.rows) {
    add_runs(list, row);
    add_aggregates(list, row);
  }
  return to_text({{"context",
                   {{"date", result.started},
                    {"executable", "qwench"},
                    {"qwench_version", result.version},
                    {"cpu", result.cpu},
                    {"cpu_time", "is real_time: processor time is not measured"}}},
                  {"benchmarks", list}});
}

std::string benchstat_text(const ExportedResult& result) {
  std::string text = fmt::format("pkg: qwench\ncpu: {}\ncommit: {}\n", result.cpu, result.git_hash);
  for (const ExportedRow& row : result.rows) {
    const std::vector<double> ns = row.run_ns();
    for (size_t i = 0; i < ns.size(); ++i)
      text += fmt::format(
          "Benchmark{}/model={}/dtype={}/tokens={}/batch={}/depth={}-{} 1 {} ns/op {} tokens/s\n",
          row.phase == "decode" ? "Decode" : "Prefill", plain(row.model), plain(row.dtype),
          row.n_tokens, row.batch, row.depth, row.threads, ns[i], row.tokens_per_second[i]);
  }
  return text;
}

std::string github_action_json(const ExportedResult& result) {
  OrderedJson list = OrderedJson::array();
  for (const ExportedRow& row : result.rows) {
    const Summary speed = summarize(row.tokens_per_second);
    list.push_back({{"name", row.name()},
                    {"unit", "tokens/s"},
                    {"value", speed.median},
                    {"range", fmt::format("{:.3g}", standard_deviation(row.tokens_per_second))},
                    {"extra", fmt::format("n {}, min {:.6g}, max {:.6g}; {}", speed.values.size(),
                                          speed.min, speed.max, result.cpu)}});
  }
  return to_text(list);
}

std::string llama_bench_json(const ExportedResult& result) {
  OrderedJson list = OrderedJson::array();
  for (const ExportedRow& row : result.rows)
    if (row.batch == 1) list.push_back(llama_bench_row(result, row));
  return to_text(list);
}

}  // namespace qwench::bench
