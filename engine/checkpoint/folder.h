// A Hugging Face model folder: config.json beside model.safetensors, or beside
// model.safetensors.index.json and the shards it names.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/safetensors.h"

namespace qwench {

class FolderCheckpoint : public Checkpoint {
 public:
  FolderCheckpoint(const std::string& path, const OpenOptions& options);

  const ModelConfig& config() const override { return config_; }
  const std::string& path() const override { return path_; }
  /// Sorted by canonical name ("model.norm.weight", also where the file says "norm.weight").
  /// Tensors of types that cannot be computed with are left out.
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  /// Error when the tensor is there but of a type that cannot be computed with (int8, float8, ...).
  const TensorInfo* find(std::string_view name) const override;
  void read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const override;

 private:
  struct Place {  // where a canonical name lives
    std::string name;
    size_t file = 0;
    const StoredTensor* stored = nullptr;
  };
  void open_single(const OpenOptions& options);
  void open_shards(const OpenOptions& options);
  void add(size_t file, const StoredTensor& stored);
  void finish();
  const Place* place_of(std::string_view name) const;

  std::string path_;
  ModelConfig config_;
  std::vector<SafetensorsFile> files_;
  std::vector<Place> places_;        // sorted by name
  std::vector<TensorInfo> tensors_;  // those of places_ with a usable type
};

}  // namespace qwench
