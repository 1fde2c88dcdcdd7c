// Which kernel every op runs and why the better ones do not: for --kernel list and for reports.
#pragma once
#include <string>
#include <vector>

#include "bench/kernels/op_sizes.h"

namespace qwench::bench {

struct KernelRow {
  std::string_view op, kernel;
  bool chosen = false;
  std::string reason;  // why this kernel cannot run; empty when it can
  bool invariant = true;
  std::string_view plugin = {};  // "example 1.0"; "" where built in
};

/// All kernels of all ops, in order, asked about args of these sizes. A level-2 op ends with
/// "composed". Where the policy forces a kernel that cannot run, nothing is chosen.
std::vector<KernelRow> list_kernels(Backend& backend, const OpSizes& sizes);

/// True for the reason of a kernel whose weights have another type: nothing to tell a person.
bool of_other_weights(std::string_view reason);

/// The rows as a table for people.
std::string kernel_table(const std::vector<KernelRow>& rows);

/// [{"op", "kernel", "refused": [{"kernel", "reason"}]}]: the choice and what was better but
/// refused.
OrderedJson kernel_choices(const std::vector<KernelRow>& rows);

/// "embed=panel_gather ...": one line, with the refusals below it.
std::string kernel_choices_text(const std::vector<KernelRow>& rows);

}  // namespace qwench::bench
