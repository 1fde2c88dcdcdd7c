// Looking up shape cards by name, and by nearly their name.
#include "engine/checkpoint/shape_card.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/edit_distance.h"
#include "engine/checkpoint/checkpoint.h"

namespace qwench {
namespace {

/// "Qwen/Qwen3_0.6B" -> "qwen3-0.6b": what people type that is not a real difference.
std::string normalized(std::string_view name) {
  const size_t slash = name.rfind('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  std::string out;
  for (const char c : name) out += c == '_' ? '-' : c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  return out;
}

}  // namespace

const ShapeCard* find_shape_card(std::string_view name) {
  for (size_t i = 0; i < kShapeCardCount; ++i)
    if (name == kShapeCards[i].name) return &kShapeCards[i];
  return nullptr;
}

ModelConfig read_shape_card(const ShapeCard& card) {
  const std::string where = fmt::format("shape card {}", card.name);
  const Json json = parse_json(card.json, where);
  ModelConfig config = read_model_config(json, where);
  const int64_t expected = read_int(json, "parameters", 1, INT64_MAX, where);
  if (config.parameters() != expected)
    fail("parameters: expected {} from the sizes, got {} ({})", config.parameters(), expected,
         where);
  return config;
}

std::vector<std::string> near_shape_cards(std::string_view name) {
  constexpr size_t kLongest = 64;  // a path is not a misspelt card
  const std::string wanted = normalized(name);
  if (wanted.size() > kLongest) return {};
  std::vector<std::pair<size_t, std::string>> near;
  for (size_t i = 0; i < kShapeCardCount; ++i) {
    const size_t distance = edit_distance(wanted, kShapeCards[i].name);
    if (distance <= 3) near.emplace_back(distance, kShapeCards[i].name);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> names;  // an exact match but for case and owner stands alone
  for (auto& [distance, card] : near)
    if (names.size() < 3 && distance <= 2 * near[0].first) names.push_back(std::move(card));
  return names;
}

std::vector<std::string> shape_card_names() {
  std::vector<std::string> names;
  for (size_t i = 0; i < kShapeCardCount; ++i) names.emplace_back(kShapeCards[i].name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace qwench
