// A checkpoint that says how long reading took: what remains of a load is conversion and import.
#pragma once
#include <cstdint>
#include <mutex>

#include "engine/checkpoint/checkpoint.h"

namespace qwench::bench {

class TimedCheckpoint : public Checkpoint {
 public:
  /// Borrows the other one.
  explicit TimedCheckpoint(const Checkpoint& from) : from_(from) {}

  const ModelConfig& config() const override { return from_.config(); }
  const std::string& path() const override { return from_.path(); }
  bool is_random() const override { return from_.is_random(); }
  const std::vector<TensorInfo>& tensors() const override { return from_.tensors(); }
  const TensorInfo* find(std::string_view name) const override { return from_.find(name); }
  void read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const override;

  /// Nanoseconds during which at least one thread was reading.
  int64_t read_ns() const { return read_ns_; }

 private:
  void enter() const;
  void leave() const;

  const Checkpoint& from_;
  mutable std::mutex mutex_;
  mutable int inside_ = 0;
  mutable int64_t since_ = 0, read_ns_ = 0;
};

}  // namespace qwench::bench
