// A row for each row, whose context is the kernel that it runs before it waits.
#include "bench/comparison/delayed_kernels.h"

#include "bench/support/output.h"

namespace qwench::bench {

template <class Args>
void DelayedKernels::run(const void* context, const Args& args, Stream& stream) {
  const auto& delayed = *static_cast<const Delayed<Args>*>(context);
  const int64_t start = now_ns();
  delayed.kernel.run(args, stream);
  const int64_t until = now_ns() + int64_t(double(now_ns() - start) * *delayed.part);
  while (now_ns() < until) {
  }
}

DelayedKernels::DelayedKernels(Backend& backend) : backend_(backend) {
  for_each_op([&](auto tag) {
    using Args = typename decltype(tag)::type;
    const KernelList<Args> list = backend.kernels(tag);
    as_they_were_.set(list);
    auto& rows = std::get<Rows<Args>>(rows_);
    for (const Kernel<Args>& kernel : list) rows.delayed.push_back({kernel, &part_});
    for (const Delayed<Args>& delayed : rows.delayed) {
      rows.kernels.push_back(delayed.kernel);
      rows.kernels.back().run = {run<Args>, &delayed};
    }
    with_delay_.set(KernelList<Args>(rows.kernels));
  });
}

void DelayedKernels::delay(double part) {
  part_ = part;
  backend_.set_kernels(part > 0 ? with_delay_ : as_they_were_);
}

}  // namespace qwench::bench
