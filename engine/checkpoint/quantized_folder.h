// Folders that this program writes: a Hugging Face folder whose config.json names the type of every
// matrix, and whose quantised matrices are bytes, U8 [out, bytes of a row]. They are read as the very
// types they were written in, where other quantisers' modules are decoded.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/part.h"

namespace qwench {

/// The method's name in quantization_config, and the version of what it means.
constexpr const char* kQuantizedMethod = "qwench";
constexpr int64_t kQuantizedVersion = 1;

/// What quantization_config says.
struct QuantizedTypes {
  DType layers = DType::kQ8_0;  // of the layers' matrices, but for exceptions
  std::map<std::string, DType, std::less<>> matrices;  // every matrix by tensor name
};

/// Nothing when config.json (`where`) does not name our method; Error on another version, a type
/// that does not exist or a name without one.
std::optional<QuantizedTypes> read_quantized_types(const Json& config, const std::string& where);

/// The matrix that a stored tensor holds as `type`. Error naming tensor and file unless it is of that
/// type, or bytes that make up whole rows of it.
TensorInfo quantized_tensor(const Part& part, DType type);

/// The config.json of a folder of ours: the source's own with our quantization_config in place of any
/// other.
Json quantized_config(const Json& source, const QuantizedTypes& types);

/// The model.safetensors.index.json of these files: their names and the tensors that each holds.
struct Shard {
  std::string file;  // without folder
  std::vector<TensorInfo> tensors;
};
Json shard_index(const std::vector<Shard>& shards);

}  // namespace qwench
