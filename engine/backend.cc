// Selection, timing and accounting of every op on every backend, in one place.
#include "engine/backend.h"

namespace qwench {

namespace {

// What an op leaves behind, for the observers.
using Outputs = std::array<TensorView, 3>;
Outputs outputs_of(const EmbedArgs& a) { return {a.x}; }
Outputs outputs_of(const LinearArgs& a) { return {a.y}; }
Outputs outputs_of(const AddArgs& a) { return {a.x}; }
Outputs outputs_of(const RmsNormArgs& a) { return {a.y}; }
Outputs outputs_of(const HeadNormArgs& a) { return {a.x}; }
Outputs outputs_of(const RopeArgs& a) { return {a.x}; }
Outputs outputs_of(const KvStoreArgs&) { return {}; }
Outputs outputs_of(const AttentionArgs& a) { return {a.out}; }
Outputs outputs_of(const SwiGluArgs& a) { return {a.h}; }
Outputs outputs_of(const ArgmaxArgs&) { return {}; }
Outputs outputs_of(const AddRmsNormArgs& a) { return {a.x, a.y}; }
Outputs outputs_of(const QkvLinearArgs& a) { return {a.q, a.k, a.v}; }
Outputs outputs_of(const QkNormRopeArgs& a) { return {a.q}; }
Outputs outputs_of(const GateUpSwiGluArgs& a) { return {a.h}; }
Outputs outputs_of(const LogitsArgs& a) { return {a.y}; }

template <class Args>
std::string kernel_names(const KernelList<Args>& list) {
  std::string names;
  for (const Kernel<Args>& k : list) names += (names.empty() ? "" : ", ") + std::string(k.name);
  if (!Args::kParts.empty()) names += (names.empty() ? "" : ", ") + std::string("composed");
  return names;
}

}  // namespace

Buffer::~Buffer() {
  if (owner_) owner_->release(data_, bytes_, kind_);
}

Buffer Backend::allocate(int64_t bytes, MemoryKind kind) {
  QWENCH_CHECK(bytes >= 0);
  void* data = allocate_bytes(bytes);
  if (!data)
    fail("memory: cannot allocate {} bytes of {} on {}; choose a smaller model, context or batch",
         bytes, kMemoryKindNames[size_t(kind)], name());
  memory_.add(kind, bytes);
  return Buffer(this, data, bytes, kind);
}

void Backend::release(void* data, int64_t bytes, MemoryKind kind) {
  memory_.add(kind, -bytes);
  release_bytes(data, bytes);
}

void Backend::check_policy() const {
  for_each_op([this](auto tag) {
    using Args = typename decltype(tag)::type;
    const std::string_view forced = policy_.forced<Args>();
    if (forced.empty() || (forced == "composed" && !Args::kParts.empty())) return;
    const auto list = kernels(tag);
    for (const Kernel<Args>& k : list)
      if (k.name == forced) return;
    if (forced == "reference" && !Args::kParts.empty())
      fail_usage(
          "--kernel {0}=reference: {0} is defined by its parts; force those, or use "
          "`--kernel reference` for every op",
          name_of(Args::kId));
    fail_usage("--kernel {0}={1}: {0} on {2} has no kernel of that name; it has {3}",
               name_of(Args::kId), forced, name(), kernel_names(list));
  });
}

template <class Args>
Selection<Args> Backend::select(const Args& args) const {
  const std::string_view forced = policy_.forced<Args>();
  if (forced == "composed") return {};
  const char* reason = nullptr;
  int place = 0;
  for (const Kernel<Args>& k : kernels(Tag<Args>{})) {
    if (forced.empty() ? k.plugin.empty() : forced == k.name) {
      reason = k.unsupported(args);
      if (!reason) return {&k, place};
      if (!forced.empty()) fail_usage("--kernel {}={}: {}", name_of(Args::kId), k.name, reason);
    }
    ++place;
  }
  if (Args::kParts.empty() || !forced.empty())
    fail("{}: no kernel of {} can run it ({})", name_of(Args::kId), name(),
         reason ? reason : "none is listed");
  return {};
}

void require_finite(Backend& backend, const OpOutput& output) {
  const int64_t bad = backend.count_nonfinite(output.tensor);
  if (bad == 0) return;
  throw NonfiniteError(fmt::format(
      "nonfinite: expected finite numbers, got {} NaN or Inf of {} (op {}, kernel {}, {})", bad,
      output.tensor.shape.count(), name_of(output.op), output.kernel,
      output.layer < 0 ? std::string("outside the layers")
                       : fmt::format("layer {}", output.layer)));
}

Weight Backend::import(const TensorView& host, WeightUse use) {
  Weight weight = allocate_weight(host.dtype, host.rows(), host.cols(), use);
  import_rows(weight, 0, host);
  return weight;
}

void Backend::wait_until(int64_t ns) {
  while (now_ns() < ns) {
  }
}

template <class Args>
void Backend::run(const Args& args) {
  validate(args);
  const Selection<Args> chosen = select(args);
  const std::string_view kernel = chosen.kernel ? chosen.kernel->name : "composed";
  const int64_t start = profiler || trace || delay > 0 ? now_ns() : 0;
  const int64_t parts_before = profiler ? profiler->total_ns() : 0;
  if (chosen.kernel) {
    chosen.kernel->run(args, stream());
    if (delay > 0) wait_until(start + int64_t(double(now_ns() - start) * (1 + delay)));
  } else if constexpr (!Args::kParts.empty()) {
    compose(*this, args);
  }
  const int64_t end = profiler || trace ? now_ns() : 0;
  if (trace) trace->add({phase_, name_of(Args::kId), kernel, layer_, start, end});
  if (profiler) {
    int64_t own_ns = end - start;
    if (!chosen.kernel) own_ns -= profiler->total_ns() - parts_before;
    profiler->record(phase_, Args::kId, chosen.place, kernel,
                     chosen.kernel ? chosen.kernel->inputs : InputPrecision::kF32, own_ns,
                     chosen.kernel ? cost(args) : OpCost{});
  }
  if (observers.empty() || !chosen.kernel) return;
  for (const TensorView& output : outputs_of(args))
    if (output)
      for (const OpObserver& observe : observers)
        observe(*this, {Args::kId, kernel, layer_, output, chosen.kernel->inputs});
}

#define QWENCH_INSTANTIATE(Args)                                    \
  template Selection<Args> Backend::select(const Args& args) const; \
  template void Backend::run(const Args& args);
QWENCH_INSTANTIATE(EmbedArgs)
QWENCH_INSTANTIATE(LinearArgs)
QWENCH_INSTANTIATE(AddArgs)
QWENCH_INSTANTIATE(RmsNormArgs)
QWENCH_INSTANTIATE(HeadNormArgs)
QWENCH_INSTANTIATE(RopeArgs)
QWENCH_INSTANTIATE(KvStoreArgs)
QWENCH_INSTANTIATE(AttentionArgs)
QWENCH_INSTANTIATE(SwiGluArgs)
QWENCH_INSTANTIATE(ArgmaxArgs)
QWENCH_INSTANTIATE(AddRmsNormArgs)
QWENCH_INSTANTIATE(QkvLinearArgs)
QWENCH_INSTANTIATE(QkNormRopeArgs)
QWENCH_INSTANTIATE(GateUpSwiGluArgs)
QWENCH_INSTANTIATE(LogitsArgs)
#undef QWENCH_INSTANTIATE

}  // namespace qwench
