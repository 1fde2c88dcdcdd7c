// The keys of a GGUF file as a ModelConfig, and back.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/checkpoint/gguf.h"
#include "engine/config/config.h"
#include "engine/config/family.h"

namespace qwench {

/// What the tensors say and the keys do not.
struct GgufTensorFacts {
  int64_t vocab = 0;                 // rows of token_embd.weight
  bool tied_embeddings = false;      // there is no output.weight
  DType stored_dtype = DType::kF32;  // of most of the layers' weights
};

/// Error naming what is supported for any other architecture.
const Family& read_gguf_family(const GgufHeader& header);

/// Error naming key and byte on anything missing, out of range or not supported. Keys of the
/// architecture that are not known go to `notes` unless that is null.
ModelConfig read_gguf_config(const GgufHeader& header, const GgufTensorFacts& facts,
                             std::vector<std::string>* notes = nullptr);

}  // namespace qwench
