// The type of keys and values that --kv-dtype asks for.
#pragma once
#include <string>

#include "engine/model/kv_pool.h"

namespace qwench::bench {

/// "auto", "f32", "f16", "bf16".
constexpr const char* kKvDTypes = "auto, f32, f16 or bf16";

/// auto: f16, but f32 in the layers whose keys it does not hold. UsageError on another name.
KvDType read_kv_dtype(const std::string& name);

/// The types of the layers' keys, by name.
std::vector<std::string> kv_dtypes(const ModelConfig& config, KvDType type);
}  // namespace qwench::bench
