// The kernels of a backend with something else around every run(): to delay it, to queue it. All else of a row,
// its name, what it refuses and what it promises, stays.
#pragma once
#include <tuple>
#include <vector>

#include "engine/backend/backend.h"

namespace qwench {

/// Owner has `template <class Args> void run_wrapped(const Kernel<Args>&, const Args&, Stream&)`, which is called where
/// the kernel would have been. It and the kernels outlive this.
template <class Owner>
class WrappedKernels {
 public:
  WrappedKernels(const Backend& backend, Owner& owner) {
    for_each_op([&](auto tag) {
      using Args = typename decltype(tag)::type;
      auto& rows = std::get<Rows<Args>>(rows_);
      for (const Kernel<Args>& kernel : backend.kernels(tag))
        rows.inner.push_back({kernel, &owner});
      for (const Inner<Args>& inner : rows.inner) {
        rows.kernels.push_back(inner.kernel);
        rows.kernels.back().run = {run<Args>, &inner};
      }
      table_.set(KernelList<Args>(rows.kernels));
    });
  }
  WrappedKernels(const WrappedKernels&) = delete;
  WrappedKernels& operator=(const WrappedKernels&) = delete;

  /// For Backend::set_kernels().
  const KernelTable& table() const { return table_; }

 private:
  template <class Args>
  struct Inner {
    Kernel<Args> kernel;
    Owner* owner;
  };
  template <class Args>
  struct Rows {
    std::vector<Inner<Args>> inner;
    std::vector<Kernel<Args>> kernels;
  };
  template <class Args>
  static void run(const void* context, const Args& args, Stream& stream) {
    const auto& inner = *static_cast<const Inner<Args>*>(context);
    inner.owner->run_wrapped(inner.kernel, args, stream);
  }

  Ops::Apply<std::tuple, Rows> rows_;
  KernelTable table_;
};

}  // namespace qwench
