// Source of precedence and defaults: transformers modeling_rope_utils.py (convert_rope_params_to_dict,
// standardize_rope_params, _compute_yarn_parameters).
#include "engine/config/rope_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "engine/base/check.h"
#include "engine/config/limits.h"

namespace qwench {
namespace {

constexpr std::array<std::string_view, 6> kYarnKeys = {
    "factor",  "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow",
    "truncate"};
constexpr std::array<std::string_view, 5> kCommonKeys = {"rope_type", "type", "rope_theta",
                                                         "partial_rotary_factor", "finetuned"};

template <size_t n>
bool is_one_of(const std::array<std::string_view, n>& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

/// config[key]; an empty object when it is missing or null.
const Json& object_or_empty(const Json& config, const char* key, const std::string& where) {
  static const Json kEmpty = Json::object();
  if (!has(config, key)) return kEmpty;
  const Json& value = config.at(key);
  if (!value.is_object())
    fail("{}: expected an object or null, got {} ({})", key, describe(value), where);
  return value;
}

std::string type_name(const Json& rope, const std::string& where) {
  for (const char* key : {"rope_type", "type"})
    if (has(rope, key)) return read_string(rope, key, where);
  return "default";
}

double number_or(const Json& object, std::string_view key, double fallback, double min, double max,
                 const std::string& where) {
  return has(object, key) ? read_number(object, key, min, max, where) : fallback;
}

/// Every key is one that the type reads, or says nothing.
void check_keys(const Json& rope, bool yarn, const std::string& where) {
  for (const auto& [key, value] : rope.items()) {
    if (value.is_null() || is_one_of(kCommonKeys, key)) continue;
    const bool of_yarn = is_one_of(kYarnKeys, key);
    if (yarn && of_yarn) continue;
    if (!yarn && (value == 1 || key == "original_max_position_embeddings")) continue;
    if (of_yarn)
      fail(
          "rope: expected \"rope_type\": \"yarn\" beside '{}', got type 'default', which does not "
          "scale; add the type or remove the key ({})",
          key, where);
    fail("rope: {} is not supported ({})", in_quotes(key), where);
  }
}

void read_yarn(const Json& rope, const Json& config, int64_t max_positions,
               const std::string& where, RopeConfig& out) {
  constexpr const char* kOriginal = "original_max_position_embeddings";
  out.type = RopeType::kYarn;
  out.factor = read_number(rope, "factor", 1, 4096, where);
  const Json& holder = has(config, kOriginal) ? config : rope;  // beside it, it wins
  out.original_positions =
      has(holder, kOriginal) ? read_int(holder, kOriginal, 1, kMaxPositions, where) : max_positions;
  out.beta_fast = number_or(rope, "beta_fast", 32, 1e-3, 1e6, where);
  out.beta_slow = number_or(rope, "beta_slow", 1, 1e-3, 1e6, where);
  if (out.beta_fast < out.beta_slow)
    fail("rope: expected beta_fast >= beta_slow, got {} and {} ({})", out.beta_fast, out.beta_slow,
         where);
  out.attention_factor =
      number_or(rope, "attention_factor", 0.1 * std::log(out.factor) + 1, 1e-3, 100, where);
  out.truncate = read_bool(rope, "truncate", true, where);
}

double read_theta(const Json& rope, const Json& replaced, const Json& config,
                  const std::string& where) {
  if (!has(rope, "rope_theta") && !has(config, "rope_theta") && has(replaced, "rope_theta"))
    fail(
        "rope_scaling: expected a rope_theta in it, since it replaces rope_parameters, got none; "
        "write \"rope_theta\": {} into it ({})",
        describe(replaced.at("rope_theta")), where);
  return read_number(has(rope, "rope_theta") ? rope : config, "rope_theta", 2, 1e15, where);
}

}  // namespace

RopeConfig read_rope_config(const Json& config, int64_t max_positions, const std::string& where) {
  const Json& scaling = object_or_empty(config, "rope_scaling", where);
  const Json& parameters = object_or_empty(config, "rope_parameters", where);
  const Json& rope = scaling.empty() ? parameters : scaling;
  RopeConfig out;
  out.theta = read_theta(rope, parameters, config, where);
  for (const Json* place : {&rope, &config})
    if (number_or(*place, "partial_rotary_factor", 1, 0, 1, where) != 1)
      fail("rope: partial_rotary_factor other than 1 is not supported ({})", where);
  const std::string type = type_name(rope, where);
  const bool identity = type == "linear" && number_or(rope, "factor", 0, 0, 1e9, where) == 1;
  if (type != "yarn" && type != "default" && !identity)
    fail("rope: expected type 'default' or 'yarn', got {} ({})", in_quotes(type), where);
  check_keys(rope, type == "yarn", where);
  if (type == "yarn") read_yarn(rope, config, max_positions, where, out);
  return out;
}

}  // namespace qwench
