// The kernels of plug-ins as rows of one backend's lists, after the built-in rows.
#pragma once
#include <tuple>
#include <vector>

#include "cpu/plugin.h"
#include "engine/backend.h"

namespace qwench::cpu {

class PluginKernels {
 public:
  /// Appends to the lists that `backend` has now, which must not be in use. Error when an op has a
  /// kernel of the same name, or more kernels than a profile can tell apart.
  void add(const Plugin& plugin, const Backend& backend);

  /// The list of an op: the built-in one, or a copy of it with the rows that were added.
  template <class Args>
  KernelList<Args> list(KernelList<Args> built_in) const {
    const auto& rows = std::get<Rows<Args>>(rows_);
    return rows.empty() ? built_in : KernelList<Args>(rows);
  }

 private:
  template <class Args>
  using Rows = std::vector<Kernel<Args>>;
  template <class Args>
  void append(const PluginKernel& kernel, KernelList<Args> present);

  std::tuple<Rows<EmbedArgs>, Rows<LinearArgs>, Rows<AddArgs>, Rows<RmsNormArgs>,
             Rows<HeadNormArgs>, Rows<RopeArgs>, Rows<KvStoreArgs>, Rows<AttentionArgs>,
             Rows<SwiGluArgs>, Rows<ArgmaxArgs>, Rows<AddRmsNormArgs>, Rows<QkvLinearArgs>,
             Rows<QkNormRopeArgs>, Rows<GateUpSwiGluArgs>, Rows<LogitsArgs>>
      rows_;
};

}  // namespace qwench::cpu
