// A ModelConfig as config.json says it.
#pragma once
#include "engine/config/config.h"

namespace qwench {

/// What read_model_config() reads as this configuration (GGUF files and shape cards have no config.json of
/// their own). Weights are said to be float32: the tensors of a folder say what is stored.
Json config_json_of(const ModelConfig& config);

}  // namespace qwench
