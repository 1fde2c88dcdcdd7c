// Random weights of a real shape: speed and memory of a model can be measured without its files.
// Every element is a pure function of (seed, tensor name, index), so any range can be had on any
// thread, and two machines agree bit for bit.
#pragma once
#include <string>
#include <vector>

#include "engine/checkpoint/checkpoint.h"

namespace qwench {

/// Names and shapes of every tensor that a published checkpoint of this model has, in file order.
std::vector<TensorInfo> expected_tensors(const ModelConfig& config, DType dtype);

class RandomCheckpoint : public Checkpoint {
 public:
  /// UsageError when options.random_dtype is not a floating type.
  RandomCheckpoint(std::string card_name, ModelConfig config, const OpenOptions& options);

  const ModelConfig& config() const override { return config_; }
  const std::string& path() const override { return card_name_; }
  bool is_random() const override { return true; }
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  const TensorInfo* find(std::string_view name) const override;
  /// Matrices and biases: uniform with standard deviation 0.02. Norms: 1 + 3 times that.
  void read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const override;

 private:
  std::string card_name_;
  ModelConfig config_;
  uint64_t seed_;
  std::vector<TensorInfo> tensors_;  // sorted by name
};

}  // namespace qwench
