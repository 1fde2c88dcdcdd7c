// Every kernel of one op on the same inputs: time in interleaved rounds, error against `reference`.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/comparison/paired.h"
#include "bench/kernels/op_sizes.h"
#include "bench/support/statistics.h"

namespace qwench::bench {

struct ContestSettings {
  OpSizes sizes;
  std::string baseline;
  int threads = 0;
  double seconds = 0.5;  // of timing per kernel
  bool cold = true;      // inputs from a ring larger than the last-level cache
  uint64_t seed = 1;
  std::vector<std::string> plugins;  // shared libraries that take part
};

struct ContestRow {
  std::string kernel, plugin;  // plugin: "example 1.0"; "" where built in
  // Why there is no time; at most one of them is set.
  std::string refusal;  // it does not take these sizes or types; nothing below is known
  std::string failure;  // it crashed, hung, threw or gave a code of failure; nothing below is known
  std::string wrong;    // the result, or a promise, and by how much
  Summary ns;           // of one call
  std::optional<Paired> against_baseline;  // over the rounds that both took part in
  OpCost cost;
  double max_abs_error = 0, nmse = 0;            // of the output against `reference`
  double max_ulp = 0;                            // the same in units of the reference's last place
  double nmse_limit = 0;                         // up to which it is right
  InputPrecision inputs = InputPrecision::kF32;  // the least that ran for it

  bool runs() const { return refusal.empty() && failure.empty() && wrong.empty(); }
};

/// Names that --baseline may have for the op, those of plug-ins among them.
std::vector<std::string> kernel_names(OpId op, const std::vector<std::string>& plugins);

/// UsageError when the baseline is not a kernel of the op or cannot run. Kernels of plug-ins go through all
/// trials in a process of their own first, so that one that crashes or hangs is one row: called where this
/// process has no threads at work.
std::vector<ContestRow> run_contest(OpId op, const ContestSettings& settings);

}  // namespace qwench::bench
