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

/// A point of a backend's queue whose time it can tell: a time where ops run at once, else what it made
/// of it.
using Mark = int64_t;

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
  /// How keys and values lie in a page, in words: pages of one layout are no pages of another.
  virtual std::string_view kv_layout() const = 0;

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
  /// Within the backend's memory; the two may overlap where `to` lies before `from`.
  virtual void copy(void* to, const void* from, int64_t bytes) = 0;
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
  /// Others in the place of the rows that there are, before anything is imported or run; later only such as read
  /// the same layouts.
  void set_kernels(const KernelTable& kernels) { kernels_ = kernels; }
  const KernelPolicy& policy() const { return policy_; }
  /// UsageError when the policy names a kernel that this backend does not have.
  void check_policy() const;

  /// The kernel for these args: the forced one, or the first built-in one that supports them, or the
  /// composition. UsageError with the reason when the forced kernel cannot run.
  template <class Args>
  Selection<Args> select(const Args& args) const;

  // ---- running
  /// A step: ops are queued from here to end(), which returns when they have run, and accounted to `phase`.
  /// Outside a step every op is one of its own.
  void begin(Phase phase);
  void end();
  /// Ends a step in which something was thrown: what did not run of it never will.
  void cancel();
  bool in_step() const { return in_step_; }
  Phase phase() const { return phase_; }
  /// Within a step: returns when what was queued so far has run, so that memory can be read.
  virtual void wait() {}
  /// What its kernels run on.
  virtual Stream& stream() = 0;
  /// A label for error messages: the layer that runs now, -1 outside the layers.
  void set_layer(int layer) { layer_ = layer; }
  template <class Args>
  void run(const Args& args) {
    run_op(args);
    if (!in_step_) wait(), account();
  }

  Profiler* profiler = nullptr;  // not owned; null: nothing is recorded
  Trace* trace = nullptr;        // the same
  /// Called in this order with every output of every kernel that ran; a composition's outputs are
  /// those of its parts. An observer may read the tensor, through download() or count_nonfinite(): each op is
  /// waited for then.
  std::vector<OpObserver> observers;

 protected:
  friend class Buffer;
  /// Counts memory that the backend holds for itself, such as its threads' scratch.
  void count_memory(MemoryKind kind, int64_t bytes) { memory_.add(kind, bytes); }
  virtual void* allocate_bytes(int64_t bytes) = 0;  // null when there is no room
  virtual void release_bytes(void* data, int64_t bytes) = 0;
  /// Forgets what is queued and did not run.
  virtual void abandon() {}
  /// Notes the time at which the device comes to this point of the queue.
  virtual Mark mark() = 0;
  /// When that was, in ns. Contract: asked after wait(), before the next begin().
  virtual int64_t time_of(Mark mark) = 0;

 private:
  /// An op that ran, between two marks.
  struct Marked {
    OpId op;
    int place, layer;
    std::string_view kernel;
    InputPrecision inputs;
    OpCost cost;
    size_t first_part;  // of a composition: its parts are the entries from here to its own
    Mark start, end;
  };
  void release(void* data, int64_t bytes, MemoryKind kind);
  template <class Args>
  void run_op(const Args& args);
  /// What profiler and trace get of the step.
  void account();

  KernelPolicy policy_;
  KernelTable kernels_;
  MemoryCounters memory_;
  Phase phase_ = Phase::kPrefill;
  bool in_step_ = false;
  int layer_ = -1;
  std::vector<Marked> marked_;   // of the step, in the order in which they ended
  std::vector<int64_t> own_ns_;  // of each, without its parts
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
  const OptionSet used = options_of(args);
  for (const Kernel<Args>& k : kernels(Tag<Args>{})) {
    if (forced.empty() ? k.plugin.empty() : forced == k.name) {
      reason = refusal(k, args, used);
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
void Backend::run_op(const Args& args) {
  validate(args);
  const Selection<Args> chosen = select(args);
  const std::string_view kernel = chosen.kernel ? chosen.kernel->name : "composed";
  const bool timed = profiler || trace;
  Marked op{id_of<Args>(), chosen.place, layer_, kernel, {}, {}, marked_.size(), {}, {}};
  if (timed) op.start = mark();
  if (chosen.kernel) {
    chosen.kernel->run(args, stream());
    op.inputs = chosen.kernel->inputs, op.cost = timed ? cost(args) : OpCost{};
  } else if constexpr (kHasParts<Args>) {
    compose(args, [this](const auto& part) { run_op(part); });
  }
  if (timed) op.end = mark(), marked_.push_back(op);
  if (observers.empty() || !chosen.kernel) return;
  wait();
  for_each_field<TensorView>(args, [&](Use use, const TensorView& output) {
    if (!writes(use) || !output || output.dtype != DType::kF32) return;
    for (const OpObserver& observe : observers)
      observe(*this, {id_of<Args>(), kernel, layer_, output, chosen.kernel->inputs});
  });
}

}  // namespace qwench
