// Whitespace as Python's str methods see it: the published metrics and task formats are defined by
// str.split() and str.strip(), whose set is wider than the tokenizer's \s (U+001C to U+001F).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qwench::bench {

/// str.isspace() of one code point.
bool is_python_space(char32_t c);

/// str.rstrip(). Precondition of all three: valid UTF-8.
std::string_view python_rstrip(std::string_view text);
/// str.strip().
std::string_view python_strip(std::string_view text);
/// str.split(): the words between runs of whitespace. They borrow from `text`.
std::vector<std::string_view> python_split(std::string_view text);

/// str.replace(): every occurrence from left to right, none inside a replacement.
/// Contract: `from` is not empty.
std::string python_replace(std::string_view text, std::string_view from, std::string_view to);

/// len(): the number of code points.
int64_t python_length(std::string_view text);

}  // namespace qwench::bench
