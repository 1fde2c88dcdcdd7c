// A Hugging Face model folder: config.json beside safetensors files. Modules that a quantiser packed
// appear as one matrix each, in f32, under the name an unquantised checkpoint gives it.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/folder_files.h"
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
  /// Tensors of types that cannot be computed with are left out, and those that the model does not use;
  /// quantised modules are f32.
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  /// Error when the tensor is there but of a type that cannot be computed with (int8, float8, ...).
  const TensorInfo* find(std::string_view name) const override;
  void read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const override;

 private:
  void open_files(const OpenOptions& options);
  /// Compares what the index says with what the files hold.
  void check_index(const FolderFiles& files);
  void sort_parts();
  /// Moves the parts of quantised modules from parts_ to packed_.
  void take_packed(const WeightScheme& scheme);
  /// Lists the matrices of a folder that this program wrote.
  void take_own();
  /// Drops the parts that the model does not use; Error unless that changes nothing.
  void drop_unused();
  void list_tensors();
  const Part* part_of(std::string_view name) const;

  std::string path_;
  ModelConfig config_;
  std::vector<SafetensorsFile> files_;
  std::vector<Part> parts_;                                                   // sorted by name
  std::map<std::string, std::unique_ptr<PackedWeight>, std::less<>> packed_;  // by tensor name
  std::optional<QuantizedTypes> own_types_;  // of a folder that this program wrote
  std::vector<TensorInfo> tensors_;  // packed_ and those of parts_ with a usable type, sorted
  std::vector<std::string> notes_;
};

}  // namespace qwench
