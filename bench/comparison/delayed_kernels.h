// A known slowdown, to see that a comparison finds it: every kernel of a backend takes longer by a part of its own
// time.
#pragma once
#include <tuple>
#include <vector>

#include "engine/backend/backend.h"

namespace qwench::bench {

class DelayedKernels {
 public:
  /// The kernels that the backend has now; it outlives this.
  explicit DelayedKernels(Backend& backend);
  DelayedKernels(const DelayedKernels&) = delete;
  DelayedKernels& operator=(const DelayedKernels&) = delete;

  /// From the next op on, until another call: 0.1 is 10 % longer, 0 the kernels as they were.
  void delay(double part);

 private:
  template <class Args>
  struct Delayed {
    Kernel<Args> kernel;
    const double* part;
  };
  template <class Args>
  struct Rows {
    std::vector<Delayed<Args>> delayed;
    std::vector<Kernel<Args>> kernels;
  };
  template <class Args>
  static void run(const void* context, const Args& args, Stream& stream);

  Backend& backend_;
  double part_ = 0;
  KernelTable as_they_were_, with_delay_;
  Ops::Apply<std::tuple, Rows> rows_;
};

}  // namespace qwench::bench
