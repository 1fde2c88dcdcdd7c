// `tune`, `export`, and what `doctor` says beside its measurements.
#include <doctest/doctest.h>

#include "bench/export/export.h"
#include "bench/machine/host.h"
#include "bench/machine/model_fit.h"
#include "bench/machine/prediction.h"
#include "bench/machine/preflight.h"
#include "tests/bench/program.h"

using namespace qwench;
using namespace qwench::bench;
using namespace qwench::test;

namespace {

/// A machine whose kernels reach part of its bandwidth.
MachineSpeed machine_of(double bandwidth, double part, double operations) {
  MachineSpeed machine;
  machine.threads = 2, machine.read_bandwidth = bandwidth, machine.available_bytes = 16'000'000'000;
  for (DType dtype : kTunedDTypes)
    machine.kernels.push_back({dtype, summarize({part * bandwidth}), summarize({operations})});
  return machine;
}

std::string status_of(const std::vector<Check>& checks, const std::string& name) {
  for (const Check& c : checks)
    if (c.name == name) return std::string(name_of(c.fitness));
  return "no such check";
}

Json result() {
  return parse_json(R"({"schema_version": 1,
    "environment": {"tool": {"version": "0.1.0", "git_hash": "0123abc"}, "cpu": {"model": "A CPU"},
                    "started": "2026-01-31T12:00:00Z"},
    "config": {"parameters": 1000, "prefill_chunk": 512, "mmap": false},
    "rows": [
      {"phase": "prefill", "model": "m odel", "dtype": "q4g", "kv_dtype": "f32", "backend": "cpu",
       "threads": 2, "batch": 1, "depth": 0, "n_tokens": 100,
       "memory": {"weights": {"now": 7, "peak": 7}}, "tokens_per_second": {"values": [100, 200, 50]}},
      {"phase": "decode", "model": "m odel", "dtype": "q4g", "kv_dtype": "f32", "backend": "cpu",
       "threads": 2, "batch": 4, "depth": 16, "n_tokens": 10,
       "tokens_per_second": {"values": [40]}}]})",
                    "result");
}

}  // namespace

TEST_CASE("a prediction is the bytes that a token reads at the kernels' rate") {
  const std::unique_ptr<Checkpoint> card = open_checkpoint("qwen3-0.6b", OpenOptions());
  const MachineSpeed machine = machine_of(1e10, 0.5, 1e12);
  const ConversationSizes talk{128, 1024, "f32"};
  const Prediction p = predict(*card, DType::kBF16, machine, talk);
  // Embedding and head are one matrix there: every weight of a matrix is read once a token.
  const double weights = 2.0 * double(card->config().parameters()),
               kv = 512.0 * 28 * 8 * 128 * 2 * 4;
  CHECK(double(p.token_bytes) == doctest::Approx(weights + kv).epsilon(1e-3));
  CHECK(p.tokens_per_second == doctest::Approx(1 / (weights / 5e9 + kv / 1e10)).epsilon(1e-3));
  CHECK(p.ceiling == doctest::Approx(1e10 / double(p.token_bytes)));
  CHECK(p.memory_bytes > p.token_bytes);
  const Prediction small = predict(*card, DType::kQ4G, machine, talk);
  CHECK(small.tokens_per_second > 2 * p.tokens_per_second);
  CHECK(small.memory_bytes < p.memory_bytes);
  const Prediction slow = predict(*card, DType::kBF16, machine_of(1e10, 0.5, 1e9), talk);
  CHECK(slow.ttft_ns > 10 * p.ttft_ns);
  CHECK(predict_all(machine, talk).size() == 4 * shape_card_names().size());
}

TEST_CASE("a head of its own is read, its embedding is not") {
  const std::unique_ptr<Checkpoint> card = open_checkpoint("qwen3-8b", OpenOptions());
  const ModelConfig& c = card->config();
  LoadOptions load;
  load.as_stored = true;
  const TokenCost cost = token_cost(*card, load, {DType::kF16}, 64);
  CHECK(cost.head == 2 * c.vocab * c.dim);
  CHECK(cost.layers + 2 * cost.head == doctest::Approx(2.0 * double(c.parameters())).epsilon(1e-3));
  CHECK(cost.kv == 64 * c.n_layers * c.kv_dim() * 2 * 2);
}

TEST_CASE("suitable means a fifth to spare, marginal a fifth either way") {
  CHECK(suitability_for(1.2) == Suitability::kAchievable);
  CHECK(suitability_for(1.0) == Suitability::kMarginal);
  CHECK(suitability_for(0.79) == Suitability::kNotSuitable);
}

TEST_CASE("a model that does not fit is said not to, and only a model in memory has a bound") {
  Ceilings roofline;
  roofline.dram_read.per_second = 50e9;
  ModelOptions options;
  options.model = "qwen2.5-72b";
  const ModelFit large = fit_of(options, roofline, 2);
  CHECK(large.fits() == (large.plan.total() <= large.available));
  CHECK(large.plan.total() > 140'000'000'000);
  CHECK(large.ceiling == doctest::Approx(50e9 / double(large.token.total())));
  if (!large.fits()) CHECK(fit_text(large).find("DOES NOT FIT") != std::string::npos);
  if (host().l3_bytes < 4'000'000) return;
  options.model = QWENCH_SOURCE_DIR "/models/qwench-tiny";
  const ModelFit small = fit_of(options, roofline, 2);
  CHECK(small.fits());
  CHECK(to_json(small)["ceiling_tokens_per_second"].is_null());
}

TEST_CASE("preflight reads what is there, and calls the rest unknown") {
  const ScratchFolder root;
  root.write("proc/loadavg", "99.5 1.0 1.0 3/100 1\n");
  root.write("proc/meminfo", "SwapTotal: 1000000 kB\nSwapFree: 0 kB\n");
  root.write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
  root.write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  root.write("sys/devices/system/cpu/cpufreq/boost", "1\n");
  root.write("sys/class/power_supply/AC/type", "Mains\n");
  root.write("sys/class/power_supply/AC/online", "0\n");
  const std::vector<Check> checks = preflight(root.path(), root.path() + "/");
  for (const char* name : {"load", "swap", "governor", "turbo", "power supply"})
    CHECK_MESSAGE(status_of(checks, name) == "warning", name);
  CHECK(status_of(checks, "huge pages") == "ok");
  CHECK(status_of(checks, "SMT") == "unknown");
  for (const Check& c : checks) CHECK((c.fitness == Fitness::kWarning) == !c.fix.empty());
}

TEST_CASE("rubbish in the system's files is no reason to fail") {
  const ScratchFolder root;
  root.write("proc/loadavg", "x y z\n");
  root.write("proc/meminfo", "SwapTotal: -5 kB\nSwapFree: lots\n");
  root.write("sys/kernel/mm/transparent_hugepage/enabled", "]always[\n");
  const std::vector<Check> checks = preflight("/no/such/folder", root.path() + "/");
  CHECK(status_of(checks, "load") == "unknown");
  CHECK(status_of(checks, "disk") == "unknown");
  CHECK(checks_json(checks).size() == checks.size());
}

TEST_CASE("tune and export refuse a wrong command line with 2, a wrong file with 1") {
  if (!available()) return;
  check_usage_error("tune --ttft 500", "--ttft");
  check_usage_error("tune --ttft soon", "--ttft");
  check_usage_error("tune --ttft -1s", "--ttft");
  check_usage_error("tune --speed nan", "--speed");
  check_usage_error("tune --mem 16", "16GB");
  check_usage_error("tune --prompt 100 --context 50", "--context");
  check_usage_error("tune --kv-dtype q4", "--kv-dtype");
  check_usage_error("doctor -m qwen3-0.6", "qwen3-0.6b");
  check_usage_error("export x.json --format xml", "xml");
  const ScratchFolder folder;
  for (const char* text : {"{}", "[]", "{\"rows\": []}", "{\"rows\": [3]}", "no JSON"}) {
    const Outcome o = run("export " + folder.write("r.json", text) + " --format benchstat");
    CHECK_MESSAGE(o.code == 1, text);
    CHECK(o.err.find("r.json") != std::string::npos);
    CHECK(o.out.empty());
  }
}

TEST_CASE("tune ranks what meets the limits first and says what the others miss") {
  if (!available()) return;
  const Outcome o = run("tune --quick -t 2 --ttft 1000s --mem 2GB --json");
  REQUIRE(o.code == 0);
  const Json json = parse_json(o.out, "stdout");
  const Json& candidates = json["candidates"];
  REQUIRE(candidates.size() == 4 * shape_card_names().size());
  bool fits = true;
  for (const Json& c : candidates) {
    CHECK(c["fits"] == c["misses"].empty());
    if (c["fits"] == true) CHECK(fits);
    if (c["fits"] == true) CHECK(c["memory_bytes"].get<int64_t>() <= 2'000'000'000);
    fits = c["fits"];
  }
  CHECK(candidates.back()["model"] == "qwen2.5-72b");
  CHECK(json["limits"]["ttft_ns"] == 1e12);
}

TEST_CASE("doctor --hints needs no measurement") {
  if (!available()) return;
  const Outcome o = run("doctor --hints --json");
  REQUIRE(o.code == 0);
  CHECK(parse_json(o.out, "stdout")["common_failures"].size() >= 5);
}

TEST_CASE("google-benchmark: one entry a run, and the aggregates that its tools compare") {
  const Json json = parse_json(google_benchmark_json(read_result(result(), "r")), "out");
  REQUIRE(json["benchmarks"].size() == 3 + 3 + 1 + 3);
  const Json& first = json["benchmarks"][0];
  CHECK(first["name"] == "prefill/m_odel/q4g/tokens:100/batch:1/depth:0/threads:2");
  CHECK(first["run_type"] == "iteration");
  CHECK(first["real_time"] == 1e9);
  CHECK(first["items_per_second"] == 100.0);
  CHECK(json["benchmarks"][4]["aggregate_name"] == "median");
  CHECK(json["benchmarks"][4]["real_time"] == 1e9);
  CHECK(json["context"]["date"] == "2026-01-31T12:00:00Z");
}

TEST_CASE("benchstat: one line a run, no blank in a name") {
  const std::string text = benchstat_text(read_result(result(), "r"));
  CHECK(text.find("cpu: A CPU\n") != std::string::npos);
  CHECK(text.find("BenchmarkPrefill/model=m_odel/dtype=q4g/tokens=100/batch=1/depth=0-2 1 "
                  "1000000000 ns/op 100 tokens/s\n") != std::string::npos);
  CHECK(text.find("BenchmarkDecode/") != std::string::npos);
}

TEST_CASE("github-action: a list of medians in which more is better") {
  const Json json = parse_json(github_action_json(read_result(result(), "r")), "out");
  REQUIRE(json.size() == 2);
  CHECK(json[0]["value"] == 100.0);
  CHECK(json[0]["unit"] == "tokens/s");
}

TEST_CASE("llama-bench: its own fields, without batches of sequences") {
  const Json json = parse_json(llama_bench_json(read_result(result(), "r")), "out");
  REQUIRE(json.size() == 1);
  CHECK(json[0]["n_prompt"] == 100);
  CHECK(json[0]["n_gen"] == 0);
  CHECK(json[0]["model_size"] == 7);
  CHECK(json[0]["samples_ts"] == Json::array({100.0, 200.0, 50.0}));
  CHECK(json[0]["samples_ns"] == Json::array({1000000000, 500000000, 2000000000}));
  CHECK(json[0]["build_commit"] == "0123abc");
}
