// Selection, timing and accounting of every op on every backend, in one place.
#include "engine/backend/backend.h"

#include <numeric>

namespace qwench {

namespace {

template <class Args>
std::string kernel_names(const KernelList<Args>& list) {
  std::string names;
  for (const Kernel<Args>& k : list) names += (names.empty() ? "" : ", ") + std::string(k.name);
  if (kHasParts<Args>) names += (names.empty() ? "" : ", ") + std::string("composed");
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
    if (forced.empty() || (forced == "composed" && kHasParts<Args>)) return;
    const auto list = kernels(tag);
    for (const Kernel<Args>& k : list)
      if (k.name == forced) return;
    if (forced == "reference" && kHasParts<Args>)
      fail_usage(
          "--kernel {0}=reference: {0} is defined by its parts; force those, or use "
          "`--kernel reference` for every op",
          Args::kName);
    fail_usage("--kernel {0}={1}: {0} on {2} has no kernel of that name; it has {3}", Args::kName,
               forced, name(), kernel_names(list));
  });
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

void Backend::begin(Phase phase) {
  if (in_step_) cancel();  // of a step that an error ended
  phase_ = phase, in_step_ = true;
}

void Backend::cancel() {
  abandon();
  marked_.clear();
  in_step_ = false;
}

void Backend::end() {
  wait();
  account();
  in_step_ = false;
}

void Backend::account() {
  if (marked_.empty()) return;
  own_ns_.resize(marked_.size());
  for (size_t i = 0; i < marked_.size(); ++i) {
    const Marked& op = marked_[i];
    const int64_t start = time_of(op.start), end = time_of(op.end);
    // What a composition's parts took among themselves adds up to their time in it.
    const auto parts = own_ns_.begin() + int64_t(op.first_part),
               self = own_ns_.begin() + int64_t(i);
    *self = end - start - std::accumulate(parts, self, int64_t(0));
    if (trace) trace->add({phase_, name_of(op.op), op.kernel, op.layer, start, end});
    if (profiler) profiler->record(phase_, op.op, op.place, op.kernel, op.inputs, *self, op.cost);
  }
  marked_.clear();
}

}  // namespace qwench
