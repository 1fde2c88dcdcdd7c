// "Did you mean": the nearest of the names that would have been right.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace qwench::bench {

/// The nearest candidate, or "" when none is near (more than a third of the letters differ).
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace qwench::bench
