// A Hugging Face model folder: config.json beside model.safetensors, or beside
// model.safetensors.index.json and the shards it names. Modules that a quantiser packed appear as
// one matrix each, in f32, under the name an unquantised checkpoint gives it.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/part.h"
#include "engine/checkpoint/quantized_folder.h"
#include "engine/checkpoint/safetensors.h"
#include "engine/checkpoint/weight_scheme.h"

namespace qwench {

class FolderCheckpoint : public Checkpoint {
 public:
  FolderCheckpoint(const std::string& path, const OpenOptions& options);

  const ModelConfig& config() const override { return config_; }
  const std::string& path() const override { return path_; }
  /// Sorted by canonical name ("model.norm.weight", also where the file says "norm.weight").
  /// Tensors of types that cannot be computed with are left out; quantised modules are f32.
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  /// Error when the tensor is there but of a type that cannot be computed with (int8, float8, ...).
  const TensorInfo* find(std::string_view name) const override;
  void read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const override;

 private:
  void open_files(const OpenOptions& options);
  void open_single(const std::string& file, const OpenOptions& options);
  void open_shards(const OpenOptions& options);
  void add(const SafetensorsFile& file, const StoredTensor& stored);
  void sort_parts();
  /// Moves the parts of quantised modules from parts_ to packed_.
  void take_packed(const WeightScheme& scheme);
  /// Drops biases of quantised modules that the architecture has no place for; Error unless zero.
  void take_extra_biases();
  /// Lists the matrices of a folder that this program wrote.
  void take_own();
  void list_tensors();
  const Part* part_of(std::string_view name) const;

  std::string path_;
  ModelConfig config_;
  std::vector<SafetensorsFile> files_;
  std::vector<Part> parts_;                                                   // sorted by name
  std::map<std::string, std::unique_ptr<PackedWeight>, std::less<>> packed_;  // by tensor name
  std::optional<QuantizedTypes> own_types_;  // of a folder that this program wrote
  std::vector<TensorInfo> tensors_;  // packed_ and those of parts_ with a usable type, sorted
};

}  // namespace qwench
