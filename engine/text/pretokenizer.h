// The published pre-tokenizer: cuts text into the pieces inside which BPE merges. A hand-written
// scanner instead of a regular expression: linear time, no recursion, no backtracking state.
#pragma once
#include <optional>
#include <string_view>

namespace qwench {

enum class PreTokenizer {
  kQwen2,  // Qwen 1, 2, 2.5, 3
  kQwen35  // the same with marks (\p{M}) counted as letters
};

/// The rule whose published regular expression this is; nothing for any other expression.
std::optional<PreTokenizer> find_pretokenizer(std::string_view regex);

/// The published regular expression of a rule.
std::string_view regex_of(PreTokenizer rule);

/// Length in bytes (>= 1) of the piece that begins at text[at]. Preconditions: valid UTF-8,
/// at < text.size(), `at` is where a piece ended or 0. Calling it until the end is O(n).
size_t next_piece(PreTokenizer rule, std::string_view text, size_t at);

}  // namespace qwench
