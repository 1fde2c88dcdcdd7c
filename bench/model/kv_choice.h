// The type of keys and values that --kv-dtype asks for.
#pragma once
#include <string>

#include "engine/model/kv_pool.h"

namespace qwench::bench {

/// "auto", "f32", "f16", "bf16".
constexpr const char* kKvDTypes = "auto, f32, f16 or bf16";

/// auto: f16, but f32 in the layers whose keys it does not hold. UsageError on another name.
KvDType read_kv_dtype(const std::string& name);

/// What a page holds at most, for estimates: f16 of auto.
inline DType main_kv_dtype(const std::string& name) { return read_kv_dtype(name).dtype; }

/// The types of the layers' keys, by name.
std::vector<std::string> kv_dtypes(const ModelConfig& config, KvDType type);
/// What that is for a model: "f16", or "f16, f32 in layers 0 3".
std::string kv_layers_text(const ModelConfig& config, KvDType type);

}  // namespace qwench::bench
