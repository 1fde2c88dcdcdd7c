// The CPU's kernels behind a device that behaves like the worst GPU, so that nothing that holds on the CPU alone is
// taken for granted: the host cannot touch the backend's memory outside an op that runs, ops are queued and run
// when they are waited for, uploads are copied when called, marks have no time before. What breaks these rules
// aborts, or is a fault of the process.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/backend/probes.h"
#include "engine/backend/wrapped_kernels.h"

namespace qwench::test {

class StrictBackend final : public Backend {
 public:
  /// Around a backend whose memory is the host's.
  explicit StrictBackend(std::unique_ptr<Backend> inner);
  ~StrictBackend() override;

  std::string_view name() const override { return inner_->name(); }
  int threads() const override { return inner_->threads(); }
  std::string_view kv_layout() const override { return inner_->kv_layout(); }
  BackendInfo describe() const override { return inner_->describe(); }
  int64_t available_bytes() const override { return inner_->available_bytes(); }
  std::unique_ptr<Probes> probes() override { return inner_->probes(); }
  void upload(void* device, const void* host, int64_t bytes) override;
  void download(void* host, const void* device, int64_t bytes) override;
  void copy(void* to, const void* from, int64_t bytes) override;
  Weight allocate_weight(DType dtype, int64_t out, int64_t in, WeightUse use) override;
  void import_rows(Weight& weight, int64_t first, const TensorView& rows) override;
  int64_t count_nonfinite(const TensorView& t) override;
  void wait() override;
  Stream& stream() override { return inner_->stream(); }

 protected:
  void* allocate_bytes(int64_t bytes) override;
  void release_bytes(void* data, int64_t bytes) override;
  void abandon() override { queue_.clear(); }
  Mark mark() override;
  int64_t time_of(Mark mark) override;

 private:
  friend class WrappedKernels<StrictBackend>;
  template <class Args>
  void run_wrapped(const Kernel<Args>& kernel, const Args& args, Stream& stream) {
    queue_.push_back([&kernel, args, &stream] { kernel.run(args, stream); });
  }
  /// Opens the memory for f.
  void within(const std::function<void()>& f);
  /// Now, or in a step when its turn comes.
  void in_turn(std::function<void()> f);

  std::unique_ptr<Backend> inner_;
  WrappedKernels<StrictBackend> queued_;
  char* memory_ = nullptr;  // one mapping, handed out from its start
  int64_t used_ = 0;
  std::vector<std::function<void()>> queue_;
  std::vector<int64_t> times_;  // of marks; 0: not reached
  bool read_ = false;           // times_ were asked for: the next mark begins anew
};

}  // namespace qwench::test
