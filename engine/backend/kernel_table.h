// The kernel lists of a backend, one per op; an empty list where it has no kernel of an op.
#pragma once
#include <tuple>

#include "engine/backend/kernel.h"
#include "engine/ops/ops.h"

namespace qwench {

class KernelTable {
 public:
  template <class Args>
  KernelList<Args> list() const {
    return std::get<KernelList<Args>>(lists_);
  }
  template <class Args>
  void set(KernelList<Args> list) {
    std::get<KernelList<Args>>(lists_) = list;
  }

 private:
  Ops::Apply<std::tuple, KernelList> lists_;
};

}  // namespace qwench
