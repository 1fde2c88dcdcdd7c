// The keys of config.json that are no sizes: what each may say so that the numbers stay those of a dense
// Qwen2 or Qwen3. A key that could change them is refused unless it says what is done anyway.
#pragma once
#include <string>
#include <vector>

#include "engine/base/json.h"

namespace qwench {

struct ModelConfig;

/// Error naming the key when one asks for what is not implemented (sliding window, other activation,
/// experts, logit scales ...). Returns the keys that are not known, in order. `config` has its sizes.
std::vector<std::string> check_config_keys(const Json& json, const ModelConfig& config,
                                           const std::string& where);

}  // namespace qwench
