// What `qwench bench` is asked for: from the command line, or from the result of an earlier run, which
// holds the same options resolved.
#pragma once
#include "bench/machine/energy/energy_options.h"
#include "bench/model/model_options.h"
#include "engine/base/json.h"

namespace qwench::bench {

struct BenchOptions {
  ModelOptions model;
  EnergyOptions energy;
  std::string prefill = "512", decode = "64", depth = "0", batch = "1", threads;
  int64_t runs = 5, warmup = 1;
  bool no_warmup = false, json = false, csv = false, plan = false, resume = false;
  std::string output, config;
  std::string trace;    // a file; "": nothing is recorded
  std::string samples;  // a file of finished cases; "": none is kept
};

/// The axes of the sweep; zero stands for "none of this phase".
struct Axes {
  std::vector<int64_t> prefill, decode, depth, batch, threads;

  int64_t most_tokens() const { return std::max(prefill.back(), decode.back()); }
};

/// Positions that a session of this depth has. UsageError where --ctx is less than its cases need.
int64_t capacity_of(const BenchOptions& options, const Axes& axes, int64_t depth);

/// UsageError on a list that is none, or where nothing is asked for.
Axes read_axes(const BenchOptions& options);

void declare_bench_options(CLI::App& command, BenchOptions& options);

/// Options that were not given on the command line take the values of the file: a result, or its
/// `config` alone. Error naming file and key on a key that is unknown or a value that cannot be.
void apply_config_file(const CLI::App& command, BenchOptions& options);

/// The options with the axes resolved; apply_config_file reads it back.
OrderedJson options_json(const BenchOptions& options, const Axes& axes,
                         const std::string& kv_dtype);

}  // namespace qwench::bench
