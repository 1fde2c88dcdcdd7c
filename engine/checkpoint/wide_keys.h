// Which layers have keys that 16 bits hold badly.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/checkpoint/checkpoint.h"

namespace qwench {

/// Layers whose bias of the keys has a norm above 100: a large constant in every key takes the bits of what
/// tells them apart (Qwen2's first layers; measured there, f16 keys move logits by 4e-2 of the largest).
std::vector<int64_t> wide_key_layers(const Checkpoint& checkpoint);

}  // namespace qwench
