// Damage on purpose, to see that a comparison finds it.
#pragma once
#include "bench/model/configuration.h"
#include "engine/model/transformer.h"

namespace qwench::bench {

/// Adds Gaussian noise to one layer's output: every element of a token's row gets `noise` times the
/// RMS of that row times a standard normal number. The number depends only on the seed, the layer,
/// the token's position and the element, so that chunks and batches change nothing.
LayerHook noise_hook(const Injection& injection, uint64_t seed);

}  // namespace qwench::bench
