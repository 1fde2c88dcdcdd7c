// Named tensors of one model, validated before anything is believed. Where they come from (files,
// random numbers) is hidden behind this interface.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/tensor.h"
#include "engine/config/config.h"

namespace qwench {

struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  std::string stored = {};  // how the file holds it where that is no DType ("Q6_K"); "": as dtype
  int64_t cols() const { return shape.rank ? shape[shape.rank - 1] : 1; }
  int64_t rows() const { return cols() ? shape.count() / cols() : 0; }
  int64_t bytes() const { return rows() * row_bytes(dtype, cols()); }
};

class Checkpoint {
 public:
  virtual ~Checkpoint() = default;
  virtual const ModelConfig& config() const = 0;
  /// Folder, file or shape card it came from; appears in errors and reports.
  virtual const std::string& path() const = 0;
  /// True for random weights: there is no tokenizer and nothing to read from disk.
  virtual bool is_random() const { return false; }
  virtual const std::vector<TensorInfo>& tensors() const = 0;
  /// What the files say beyond what is used, for a person: sentences that name the file.
  virtual const std::vector<std::string>& notes() const;
  /// Null when absent.
  virtual const TensorInfo* find(std::string_view name) const = 0;
  /// Reads the elements [first, first + count) of a tensor as stored; whole rows where the type is
  /// quantised. Thread-safe.
  virtual void read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const = 0;
};

/// The tensor of this name among tensors sorted by name; null when absent.
const TensorInfo* find_tensor(const std::vector<TensorInfo>& sorted, std::string_view name);

/// The tensor of this name and shape. Error naming it when it is missing or of another shape.
const TensorInfo& require_tensor(const Checkpoint& checkpoint, const std::string& name,
                                 const Shape& shape);

/// Error unless the checkpoint holds every tensor that its configuration asks for.
void check_complete(const Checkpoint& checkpoint);

/// The type that most weights of the layers are held in; f32 when there are none.
DType main_dtype(const std::vector<TensorInfo>& tensors);

struct OpenOptions {
  bool mmap = false;                  // map the files instead of reading them (opt-in)
  uint64_t seed = 1;                  // random weights
  DType random_dtype = DType::kBF16;  // random weights
};

/// A Hugging Face folder, a GGUF file (of a split one the first shard) or a folder with just that; a name
/// that model_source() leads to one; or the name of a shape card ("qwen3-0.6b") for random weights of that
/// shape. UsageError when it is none of them, naming near card names or how to get the model.
std::unique_ptr<Checkpoint> open_checkpoint(const std::string& name, const OpenOptions& options);

/// Where a model and its text are read from. A path that exists is itself; of a folder that holds GGUF
/// files and no config.json it is the one file, or the first shard, of an entry of Hugging Face's cache
/// its snapshot. Any other name is looked up in model_places(), then, an id such as "Qwen/Qwen3-0.6B", in
/// that cache. What is found nowhere is returned as it is. Error when a folder holds several models.
std::string model_source(const std::string& name);

/// The same for a shape card, whatever else lies under its name. Contract: it is one of shape_card_names().
std::unique_ptr<Checkpoint> open_shape_card(const std::string& name, const OpenOptions& options);

/// Names of all shape cards, sorted.
std::vector<std::string> shape_card_names();

}  // namespace qwench
