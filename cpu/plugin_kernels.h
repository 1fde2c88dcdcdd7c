// The kernels of plug-ins as rows of one backend's table, after the built-in rows.
#pragma once
#include <tuple>
#include <vector>

#include "cpu/plugin.h"
#include "engine/backend/kernel_table.h"

namespace qwench::cpu {

class PluginKernels {
 public:
  /// Appends to the lists of a table, which from then on lie here. Error when an op has a kernel of the same
  /// name, or more kernels than a profile can tell apart.
  void add(const Plugin& plugin, KernelTable& table);

 private:
  template <class Args>
  using Rows = std::vector<Kernel<Args>>;
  template <class Args>
  void append(const PluginKernel& kernel, KernelTable& table);

  Ops::Apply<std::tuple, Rows> rows_;
};

}  // namespace qwench::cpu
