// Shape cards: the published config.json of each released model, built into the program, so that
// random weights of its shape need no download.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/config.h"

namespace qwench {

/// One card: its name ("qwen3-0.6b") and its text, models/<name>.json.
struct ShapeCard {
  const char* name;
  const char* json;
};

/// Generated at build time from models/*.json, sorted by name.
extern const ShapeCard kShapeCards[];
extern const size_t kShapeCardCount;

/// Null when there is no card of that name.
const ShapeCard* find_shape_card(std::string_view name);

/// Reads a card. Error when the sizes do not give the card's own "parameters".
ModelConfig read_shape_card(const ShapeCard& card);

/// Names of cards close to a misspelt one, nearest first; empty when nothing is near.
std::vector<std::string> near_shape_cards(std::string_view name);

}  // namespace qwench
