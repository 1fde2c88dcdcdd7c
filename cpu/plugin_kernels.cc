// From a row of a list to the functions of a plug-in, and from those back to the team of threads.
#include "cpu/plugin_kernels.h"

#include <algorithm>

#include "cpu/plain_weight.h"
#include "cpu/plugin_args.h"
#include "cpu/team.h"

namespace qwench::cpu {

namespace {

void parallel_for(const QwenchCall* call, int64_t n, int64_t grain, QwenchBody body, void* data) {
  Team& team = *static_cast<Team*>(call->host);
  team.parallel_for(n, std::max<int64_t>(grain, 1), [&](int64_t begin, int64_t end, int thread) {
    body(call, data, begin, end, thread);
  });
}

void* scratch(const QwenchCall* call, int32_t thread) {
  return static_cast<Team*>(call->host)->scratch(thread);
}

/// Why a plug-in, which reads plain weights, cannot read those of the args.
template <class Args>
const char* weights_missing(const Args&) {
  return nullptr;
}
const char* weights_missing(const EmbedArgs& a) { return needs_plain(a.w); }
const char* weights_missing(const LinearArgs& a) { return needs_plain(a.w); }
const char* weights_missing(const LogitsArgs& a) { return needs_plain(a.w); }
const char* weights_missing(const QkvLinearArgs& a) {
  for (const WeightView* w : {&a.wq, &a.wk, &a.wv})
    if (const char* missing = needs_plain(*w)) return missing;
  return nullptr;
}
const char* weights_missing(const GateUpSwiGluArgs& a) {
  const char* missing = needs_plain(a.w_gate);
  return missing ? missing : needs_plain(a.w_up);
}

template <class Args>
const char* unsupported(const void* context, const Args& args) {
  if (const char* missing = weights_missing(args)) return missing;
  QwenchCall call{};
  call.scratch_bytes = Team::kScratchBytes;
  to_c(args, call.args);
  const char* reason = static_cast<const PluginKernel*>(context)->functions.unsupported(&call);
  return reason && !*reason ? "the plug-in gives no reason" : reason;
}

template <class Args>
void run(const void* context, const Args& args, Stream& stream) {
  const PluginKernel& kernel = *static_cast<const PluginKernel*>(context);
  QwenchCall call{};
  call.parallel_for = parallel_for, call.scratch = scratch;
  call.scratch_bytes = Team::kScratchBytes;
  call.n_threads = team_of(stream).size(), call.host = &team_of(stream);
  to_c(args, call.args);
  const int code = kernel.functions.run(&call);
  if (code)
    fail("plug-in {} ({}): kernel {} of {}: its run failed with code {}", kernel.plugin->label,
         kernel.plugin->path, kernel.name, name_of(kernel.op), code);
}

}  // namespace

template <class Args>
void PluginKernels::append(const PluginKernel& kernel, KernelList<Args> present) {
  const Plugin& plugin = *kernel.plugin;
  Rows<Args> grown(present.begin(), present.end());
  for (const Kernel<Args>& row : grown)
    if (row.name == kernel.name)
      fail("plug-in {} ({}): kernel {} of {}: expected a name of its own, got that of {}",
           plugin.label, plugin.path, kernel.name, name_of(kernel.op),
           row.plugin.empty() ? "a built-in kernel" : "one of plug-in " + std::string(row.plugin));
  if (grown.size() >= size_t(Profiler::kComposed))
    fail("plug-in {} ({}): {}: expected at most {} kernels with the built-in ones, got more",
         plugin.label, plugin.path, name_of(kernel.op), Profiler::kComposed);
  const QwenchKernel& k = kernel.functions;
  grown.push_back({kernel.name,
                   {unsupported<Args>, &kernel},
                   {run<Args>, &kernel},
                   Layout::kPlain,
                   k.invariant != 0,
                   InputPrecision(k.inputs),
                   plugin.label});
  std::get<Rows<Args>>(rows_) = std::move(grown);
}

void PluginKernels::add(const Plugin& plugin, const Backend& backend) {
  for (const PluginKernel& kernel : plugin.kernels)
    for_each_op([&](auto tag) {
      using Args = typename decltype(tag)::type;
      if (Args::kId == kernel.op) append(kernel, backend.kernels(tag));
    });
}

}  // namespace qwench::cpu
