// How far a word is from another, for "did you mean".
#pragma once
#include <cstddef>
#include <string_view>

namespace qwench {

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace qwench
