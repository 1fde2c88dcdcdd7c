// A known slowdown, to see that a comparison finds it: every kernel of a backend takes longer by a part of its own
// time.
#pragma once
#include "bench/support/output.h"
#include "engine/backend/wrapped_kernels.h"

namespace qwench::bench {

class DelayedKernels {
 public:
  /// The kernels that the backend has now; it outlives this.
  explicit DelayedKernels(Backend& backend) : backend_(backend), delayed_(backend, *this) {
    for_each_op([&](auto tag) { as_they_were_.set(backend.kernels(tag)); });
  }

  /// From the next op on, until another call: 0.1 is 10 % longer, 0 the kernels as they were.
  void delay(double part) {
    part_ = part;
    backend_.set_kernels(part > 0 ? delayed_.table() : as_they_were_);
  }

 private:
  friend class WrappedKernels<DelayedKernels>;
  template <class Args>
  void run_wrapped(const Kernel<Args>& kernel, const Args& args, Stream& stream) {
    const int64_t start = now_ns();
    kernel.run(args, stream);
    const int64_t until = now_ns() + int64_t(double(now_ns() - start) * part_);
    while (now_ns() < until) {
    }
  }

  Backend& backend_;
  double part_ = 0;
  WrappedKernels<DelayedKernels> delayed_;
  KernelTable as_they_were_;
};

}  // namespace qwench::bench
