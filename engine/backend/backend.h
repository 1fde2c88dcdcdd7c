// A backend is memory, a clock, and for every op an ordered list of kernels, best first.
// `run` is the only way an op is executed: it validates, selects, times and accounts, so that no
// kernel can forget a counter. An op without a usable kernel of its own runs as its composition.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend/backend_info.h"
#include "engine/backend/kernel.h"
#include "engine/backend/kernel_policy.h"
#include "engine/backend/kernel_table.h"
#include "engine/backend/memory.h"
#include "engine/backend/profiler.h"
#include "engine/backend/trace.h"
#include "engine/ops/fields.h"
#include "engine/ops/ops.h"

namespace qwench {

/// A weight and the memory that holds it, in the layouts that the chosen kernels read.
struct Weight {
  WeightView view;
  Buffer plain, packed;
};

/// Layouts hold rows in groups of at most so many.
constexpr int64_t kImportRows = 32;

/// What select() decided: a kernel and its place in the list, or the composition (kernel null).
template <class Args>
struct Selection {
  const Kernel<Args>* kernel = nullptr;
  int place = Profiler::kComposed;
};

class Backend;
class Probes;

/// What one kernel has just left behind. An op with several outputs gives one of these for each.
struct OpOutput {
  OpId op;
  std::string_view kernel;
  int layer = -1;                                // -1 outside the layers
  TensorView tensor;                             // f32, in the backend's memory
  InputPrecision inputs = InputPrecision::kF32;  // of the kernel: its own rounding is in the tensor
};
using OpObserver = std::function<void(Backend&, const OpOutput&)>;

/// A run made NaN or Inf: its numbers went wrong, not its inputs.
class NonfiniteError : public Error {
 public:
  using Error::Error;
};

/// An observer that throws NonfiniteError, which names the first op that made a NaN or Inf.
void require_finite(Backend& backend, const OpOutput& output);

class Backend {
 public:
  explicit Backend(KernelPolicy policy) : policy_(std::move(policy)) {}
  virtual ~Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  virtual std::string_view name() const = 0;
  virtual int threads() const = 0;

  // ---- the device
  virtual BackendInfo describe() const = 0;
  /// Memory that a new allocation may take now.
  virtual int64_t available_bytes() const = 0;
  /// What the device can do at most, to be measured on this backend's threads.
  virtual std::unique_ptr<Probes> probes() = 0;

  // ---- memory
  /// 64-byte aligned, zeroed; Error with the bytes asked for when there is no room.
  Buffer allocate(int64_t bytes, MemoryKind kind);
  virtual void upload(void* device, const void* host, int64_t bytes) = 0;
  virtual void download(void* host, const void* device, int64_t bytes) = 0;
  /// Room for a matrix [out, in] in the layouts that the kernels chosen for `use` read.
  virtual Weight allocate_weight(DType dtype, int64_t out, int64_t in, WeightUse use) = 0;
  /// Copies rows of a host matrix into those layouts, from row `first` on. Contract: `first` is a
  /// multiple of kImportRows, and so is the number of rows unless they are the last.
  virtual void import_rows(Weight& weight, int64_t first, const TensorView& rows) = 0;
  /// Both for a host matrix [out, in].
  Weight import(const TensorView& host, WeightUse use);
  const MemoryCounters& memory() const { return memory_; }
  /// Number of NaN and Inf in an f32 tensor.
  virtual int64_t count_nonfinite(const TensorView& t) = 0;

  // ---- kernels
  template <class Args>
  KernelList<Args> kernels(Tag<Args> = {}) const {
    return kernels_.list<Args>();
  }
  const KernelPolicy& policy() const { return policy_; }
  /// UsageError when the policy names a kernel that this backend does not have.
  void check_policy() const;

  /// The kernel for these args: the forced one, or the first built-in one that supports them, or the
  /// composition. UsageError with the reason when the forced kernel cannot run.
  template <class Args>
  Selection<Args> select(const Args& args) const;

  // ---- running
  /// Everything up to end() is accounted to `phase`.
  void begin(Phase phase) { phase_ = phase; }
  Phase phase() const { return phase_; }
  virtual void end() {}
  /// A label for error messages: the layer that runs now, -1 outside the layers.
  void set_layer(int layer) { layer_ = layer; }
  template <class Args>
  void run(const Args& args);

  Profiler* profiler = nullptr;  // not owned; null: nothing is recorded
  Trace* trace = nullptr;        // the same
  /// Every kernel takes so much longer, as a part of its own time: a known slowdown, to see that a
  /// comparison finds it.
  double delay = 0;
  /// Called in this order with every output of every kernel that ran; a composition's outputs are
  /// those of its parts. An observer may read the tensor, through download() or count_nonfinite().
  std::vector<OpObserver> observers;

 protected:
  friend class Buffer;
  /// Counts memory that the backend holds for itself, such as its threads' scratch.
  void count_memory(MemoryKind kind, int64_t bytes) { memory_.add(kind, bytes); }
  /// To be called before anything is imported or run.
  void set_kernels(const KernelTable& kernels) { kernels_ = kernels; }
  virtual void* allocate_bytes(int64_t bytes) = 0;  // null when there is no room
  virtual void release_bytes(void* data, int64_t bytes) = 0;
  virtual Stream& stream() = 0;
  virtual int64_t now_ns() = 0;

 private:
  void release(void* data, int64_t bytes, MemoryKind kind);
  void wait_until(int64_t ns);

  KernelPolicy policy_;
  KernelTable kernels_;
  MemoryCounters memory_;
  Phase phase_ = Phase::kPrefill;
  int layer_ = -1;
};

/// Adds an observer for as long as it lives. Those added later end earlier.
class ObserverScope {
 public:
  ObserverScope(Backend& backend, OpObserver observer) : backend_(backend) {
    backend_.observers.push_back(std::move(observer));
  }
  ObserverScope(const ObserverScope&) = delete;
  ObserverScope& operator=(const ObserverScope&) = delete;
  ~ObserverScope() { backend_.observers.pop_back(); }

 private:
  Backend& backend_;
};

template <class Args>
Selection<Args> Backend::select(const Args& args) const {
  const std::string_view forced = policy_.forced<Args>();
  if (forced == "composed") return {};
  const char* reason = nullptr;
  int place = 0;
  for (const Kernel<Args>& k : kernels(Tag<Args>{})) {
    if (forced.empty() ? k.plugin.empty() : forced == k.name) {
      reason = refusal(k, args);
      if (!reason) return {&k, place};
      if (!forced.empty()) fail_usage("--kernel {}={}: {}", Args::kName, k.name, reason);
    }
    ++place;
  }
  if (!kHasParts<Args> || !forced.empty())
    fail("{}: no kernel of {} can run it ({})", Args::kName, name(),
         reason ? reason : "none is listed");
  return {};
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
  } else if constexpr (kHasParts<Args>) {
    compose(args, [this](const auto& part) { run(part); });
  }
  const int64_t end = profiler || trace ? now_ns() : 0;
  if (trace) trace->add({phase_, Args::kName, kernel, layer_, start, end});
  if (profiler) {
    int64_t own_ns = end - start;
    if (!chosen.kernel) own_ns -= profiler->total_ns() - parts_before;
    profiler->record(phase_, id_of<Args>(), chosen.place, kernel,
                     chosen.kernel ? chosen.kernel->inputs : InputPrecision::kF32, own_ns,
                     chosen.kernel ? cost(args) : OpCost{});
  }
  if (observers.empty() || !chosen.kernel) return;
  for_each_field<TensorView>(args, [&](Use use, const TensorView& output) {
    if (!writes(use) || !output || output.dtype != DType::kF32) return;
    for (const OpObserver& observe : observers)
      observe(*this, {id_of<Args>(), kernel, layer_, output, chosen.kernel->inputs});
  });
}

}  // namespace qwench
