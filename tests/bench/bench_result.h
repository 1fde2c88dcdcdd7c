// A result of `qwench bench` as its JSON has it, with one row, for what reads such results.
#pragma once
#include <string>
#include <vector>

#include "engine/base/json.h"

namespace qwench::test {

struct BenchResult {
  std::vector<double> speeds;  // tokens/s of each run
  double ttft_ms = 10, gb = 1;
  double peak = 100e9;  // fp32 op/s of the machine
};

inline Json bench_result(const BenchResult& r) {
  Json row = {{"phase", "prefill"}, {"n_tokens", 64},       {"batch", 1},      {"depth", 0},
              {"threads", 2},       {"model", "m"},         {"dtype", "bf16"}, {"kv_dtype", "f32"},
              {"backend", "cpu"},   {"output_hash", "0123"}};
  row["tokens_per_second"] = {{"values", r.speeds}};
  row["ttft_ns_values"] = std::vector<double>(r.speeds.size(), r.ttft_ms * 1e6);
  row["memory"] = {{"weights", {{"peak", r.gb * 1e9}}}};
  Json config = {{"model", "m"},
                 {"model_type", "qwen3"},
                 {"parameters", 5},
                 {"dtype", "bf16"},
                 {"kv_dtype", "f32"},
                 {"backend", "cpu"},
                 {"kernel_policy", "default"},
                 {"isa", "native"},
                 {"prefill_chunk", 512},
                 {"ctx", 0},
                 {"seed", 1},
                 {"mmap", false},
                 {"check_finite", false},
                 {"warmup", 1}};
  config["plugins"] = Json::array();
  const Json tool = {{"version", "0.1.0"}, {"git_hash", "0123abc"}, {"build_type", "Release"},
                     {"flags", "-O2"},     {"compiler", "g++ 12"},  {"sanitizer", false}};
  const Json cpu = {{"model", "x"}, {"physical_cores", 2}, {"isa", "avx2"}};
  return {{"schema_version", 1},
          {"command", "bench"},
          {"environment", {{"tool", tool}, {"cpu", cpu}}},
          {"config", config},
          {"roofline", {{{"threads", 2}, {"fp32_fma", {{"per_second", r.peak}}}}}},
          {"interrupted", false},
          {"rows", {row}}};
}

/// A value that makes a result unlike bench_result()'s, for every condition but the machine.
struct Unlike {
  std::string field, path;  // path: JSON pointer
  Json value;
};
inline const std::vector<Unlike>& unlike_conditions() {
  static const std::vector<Unlike> list = {
      {"model", "/config/model", "other"},
      {"dtype", "/config/dtype", "q8_0"},
      {"kv_dtype", "/config/kv_dtype", "f16"},
      {"backend", "/config/backend", "cuda"},
      {"kernels", "/config/kernel_policy", "linear=eigen"},
      {"plugins", "/config/plugins", Json::array({"~/fast.so"})},
      {"isa", "/config/isa", "avx2"},
      {"build", "/environment/tool/sanitizer", true},
      {"prefill_chunk", "/config/prefill_chunk", 64},
      {"ctx", "/config/ctx", 4096},
      {"seed", "/config/seed", 2},
      {"mmap", "/config/mmap", true},
      {"check_finite", "/config/check_finite", true},
      {"warmup", "/config/warmup", 0}};
  return list;
}

}  // namespace qwench::test
