// From a row of a list to the functions of a plug-in, and from those back to the team of threads.
#include "cpu/plugin_kernels.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <mutex>

#include "cpu/ops.h"
#include "cpu/plain_weight.h"
#include "cpu/plugin_guard.h"
#include "cpu/team.h"
#include "engine/backend/profiler.h"
#include "engine/ops/fields.h"

namespace qwench::cpu {

namespace {

constexpr size_t kLongestReason = 1000;

/// What QwenchCall::host is: the threads, and the first thing that went wrong on any of them.
struct Host {
  Team* team;  // null: nothing is run
  std::mutex mutex;
  std::string failure;

  void fails(std::string what) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (failure.empty()) failure = std::move(what);
  }
  /// Calls f, a function of the plug-in.
  template <class F>
  void guarded(const F& f) {
    try {
      f();
    } catch (const std::exception& thrown) {
      fails(fmt::format("threw a C++ exception ({}); none may leave its functions", thrown.what()));
    } catch (...) {
      fails("threw a C++ exception; none may leave its functions");
    }
  }
};

void parallel_for(const QwenchCall* call, int64_t n, int64_t grain, QwenchBody body, void* data) {
  static thread_local bool within = false;
  Host& host = *static_cast<Host*>(call->host);
  if (within) return host.fails("called parallel_for from within a body of it");
  host.team->parallel_for(n, std::max<int64_t>(grain, 1),
                          [&](int64_t begin, int64_t end, int thread) {
                            use_signal_stack();
                            within = true;
                            host.guarded([&] { body(call, data, begin, end, thread); });
                            within = false;
                          });
}

void* scratch(const QwenchCall* call, int32_t thread) {
  Host& host = *static_cast<Host*>(call->host);
  if (thread >= 0 && thread < host.team->size()) return host.team->scratch(thread);
  host.fails(
      fmt::format("asked for the scratch memory of thread {} of {}", thread, host.team->size()));
  return nullptr;
}

/// Why a plug-in, which reads plain weights, cannot read those of the args.
template <class Args>
const char* weights_missing(const Args& args) {
  const char* missing = nullptr;
  for_each_field<WeightView>(args, [&](Use, const WeightView& w) {
    if (!missing) missing = needs_plain(w);
  });
  return missing;
}

template <class Args>
const char* unsupported(const void* context, const Args& args) {
  if (const char* missing = weights_missing(args)) return missing;
  const PluginKernel& kernel = *static_cast<const PluginKernel*>(context);
  QwenchCall call{};
  call.scratch_bytes = Team::kScratchBytes;
  cpu_op<Args>().to_c(args, call.args);
  Host nobody{nullptr, {}, {}};
  const char* reason = nullptr;
  {
    const PluginCall guard(kernel.who.c_str(), 0);
    nobody.guarded([&] {
      reason = kernel.functions.unsupported(&call);
      if (reason && strnlen(reason, kLongestReason) == 0) reason = "the plug-in gives no reason";
    });
  }
  if (!nobody.failure.empty()) fail("{}: its unsupported {}", kernel.who, nobody.failure);
  return reason;
}

template <class Args>
void run(const void* context, const Args& args, Stream& stream) {
  const PluginKernel& kernel = *static_cast<const PluginKernel*>(context);
  Host host{&team_of(stream), {}, {}};
  QwenchCall call{};
  call.parallel_for = parallel_for, call.scratch = scratch;
  call.scratch_bytes = Team::kScratchBytes;
  call.n_threads = host.team->size(), call.host = &host;
  cpu_op<Args>().to_c(args, call.args);
  int code = 0;
  {
    const PluginCall guard(kernel.who.c_str(), cost(args).flops);
    host.guarded([&] { code = kernel.functions.run(&call); });
  }
  if (!host.failure.empty()) fail("{}: {}", kernel.who, host.failure);
  if (code) fail("{}: its run failed with code {}", kernel.who, code);
}

}  // namespace

template <class Args>
void PluginKernels::append(const PluginKernel& kernel, KernelTable& table) {
  const Plugin& plugin = *kernel.plugin;
  const KernelList<Args> present = table.list<Args>();
  Rows<Args> grown(present.begin(), present.end());
  for (const Kernel<Args>& row : grown)
    if (row.name == kernel.name)
      fail("{}: expected a name of its own, got that of {}", kernel.who,
           row.plugin.empty() ? "a built-in kernel" : "one of plug-in " + std::string(row.plugin));
  if (grown.size() >= size_t(Profiler::kComposed))
    fail("plug-in {} ({}): {}: expected at most {} kernels with the built-in ones, got more",
         plugin.label, plugin.path, name_of(kernel.op), Profiler::kComposed);
  const QwenchKernel& k = kernel.functions;
  OptionSet options;
  options.bits = uint8_t(k.options);
  grown.push_back({kernel.name,
                   {unsupported<Args>, &kernel},
                   {run<Args>, &kernel},
                   Layout::kPlain,
                   k.invariant != 0,
                   InputPrecision(k.inputs),
                   plugin.label,
                   options});
  auto& rows = std::get<Rows<Args>>(rows_);
  rows = std::move(grown);
  table.set(KernelList<Args>(rows));
}

void PluginKernels::add(const Plugin& plugin, KernelTable& table) {
  for (const PluginKernel& kernel : plugin.kernels)
    with_op(kernel.op, [&](auto tag) { append<typename decltype(tag)::type>(kernel, table); });
}

}  // namespace qwench::cpu
