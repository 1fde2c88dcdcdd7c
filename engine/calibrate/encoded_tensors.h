// Tensors in memory: what a part of a model is between being encoded and being written, and a
// checkpoint of it for whoever computes with it.
#pragma once
#include <string>
#include <vector>

#include "engine/checkpoint/checkpoint.h"

namespace qwench {

struct EncodedTensor {
  TensorInfo info;
  std::vector<char> bytes;  // info.bytes() of them
};

/// A checkpoint of these tensors alone, under a configuration that the caller gives. Borrows them.
class EncodedTensors : public Checkpoint {
 public:
  EncodedTensors(const ModelConfig& config, const std::vector<EncodedTensor>& tensors,
                 std::string path);

  const ModelConfig& config() const override { return config_; }
  const std::string& path() const override { return path_; }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  const TensorInfo* find(std::string_view name) const override;
  void read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const override;

 private:
  const ModelConfig& config_;
  const std::vector<EncodedTensor>& tensors_;
  std::string path_;
  std::vector<TensorInfo> infos_;
};

/// One layer of another checkpoint as a model of its own: layer 0 of a model with one layer and an
/// embedding of one row of zeros. Loading it is loading a model. Borrows the other.
class SingleLayer : public Checkpoint {
 public:
  SingleLayer(const Checkpoint& whole, int64_t layer);

  const ModelConfig& config() const override { return config_; }
  const std::string& path() const override { return whole_.path(); }
  const std::vector<TensorInfo>& tensors() const override { return infos_; }
  const TensorInfo* find(std::string_view name) const override;
  void read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const override;

 private:
  const TensorInfo* source_of(const std::string& name) const;

  const Checkpoint& whole_;
  int64_t layer_;
  ModelConfig config_;
  std::vector<TensorInfo> infos_;
};

}  // namespace qwench
