// Which type each tensor of a model becomes: a type for the layers, one for embedding and head, and
// exceptions by name.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint/checkpoint.h"

namespace qwench {

/// "layers.*.down_proj" matches "layers.0.mlp.down_proj": '*' is any text, dots too, '?' one letter.
bool matches_glob(std::string_view pattern, std::string_view text);

/// The name that patterns are held against: without "model." before it and ".weight" after it.
std::string_view short_name(std::string_view tensor_name);

struct TypeRule {
  std::string pattern;
  DType type = DType::kQ8_0;
};

struct TypeRules {
  DType layers = DType::kQ8_0;
  DType embedding = DType::kQ8_0;    // and head
  std::vector<TypeRule> exceptions;  // the last that matches decides
};

struct PlannedTensor {
  TensorInfo from, to;
  bool odd_rows = false;  // rows are not whole blocks: bf16 instead of the type it should have
};

/// What is encoded, held in memory and written together: the embedding, a layer, or the rest.
struct PlannedPart {
  std::string name;    // "embedding", "layer 3", "head"
  int64_t layer = -1;  // -1: not a layer
  std::vector<PlannedTensor> tensors;
  int64_t weights() const;
};

/// Parts in the order of the forward pass. Vectors become f32. Error when the checkpoint lacks a
/// tensor or has it in another shape; UsageError when an exception matches no matrix.
std::vector<PlannedPart> plan_parts(const Checkpoint& checkpoint, const TypeRules& rules);

}  // namespace qwench
