// Only the beginning of a long word counts: a path is not a misspelt name.
#include "bench/support/suggest.h"

#include <algorithm>

#include "engine/base/edit_distance.h"

namespace qwench::bench {

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word.substr(0, 64), candidate);
    if (distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
}

}  // namespace qwench::bench
