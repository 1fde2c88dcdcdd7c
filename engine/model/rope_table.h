// cos and sin of every position, built once on the host in the fp32 order that Hugging Face uses.
#pragma once
#include "engine/backend/backend.h"
#include "engine/config/config.h"

namespace qwench {

/// Inverse frequencies [head_dim / 2]; YaRN blends interpolated and original ones by dimension.
std::vector<float> rope_frequencies(const RopeConfig& rope, int64_t head_dim);

struct RopeTable {
  Buffer storage;
  TensorView cos, sin;  // [capacity, head_dim / 2]

  RopeTable(Backend& backend, const ModelConfig& config, int64_t capacity);
};

}  // namespace qwench
