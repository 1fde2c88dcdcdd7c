// How positions turn into angles, as config.json says it in either of its two spellings.
#pragma once
#include <cstdint>
#include <string>

#include "engine/base/json.h"

namespace qwench {

enum class RopeType : uint8_t { kDefault, kYarn };

struct RopeConfig {
  RopeType type = RopeType::kDefault;
  double theta = 0;
  double factor = 1;               // YaRN
  int64_t original_positions = 0;  // YaRN
  double beta_fast = 32, beta_slow = 1;
  double attention_factor = 1;  // multiplies cos and sin
  bool truncate = true;         // YaRN: round the ramp's ends to whole dimensions
};

/// Reads `rope_parameters`, or `rope_theta` beside `rope_scaling`; where both are there, rope_scaling
/// stands in for the whole of rope_parameters. Error naming key and value on a type that is not
/// implemented, on a key that the type has no use for and on values out of range.
RopeConfig read_rope_config(const Json& config, int64_t max_positions, const std::string& where);

}  // namespace qwench
