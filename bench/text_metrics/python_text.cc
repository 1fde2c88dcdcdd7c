// One walk over the code points serves all of them.
#include "bench/text_metrics/python_text.h"

#include "engine/base/check.h"
#include "engine/text/unicode.h"
#include "engine/text/utf8.h"

namespace qwench::bench {

namespace {

/// Calls visit(begin, end, is_space) for every code point, in order.
template <class Visit>
void for_each_character(std::string_view text, Visit&& visit) {
  for (size_t at = 0; at < text.size();) {
    const Utf8Step step = read_utf8(text, at);
    const size_t end = at + size_t(step.bytes);
    visit(at, end, step.kind == Utf8Step::kCharacter && is_python_space(step.value));
    at = end;
  }
}

}  // namespace

bool is_python_space(char32_t c) {
  if (c >= 0x1C && c <= 0x1F) return true;
  const CharClass kind = class_of(c);
  return kind == CharClass::kSpace || kind == CharClass::kNewline;
}

std::string_view python_rstrip(std::string_view text) {
  size_t kept = 0;
  for_each_character(text, [&](size_t, size_t end, bool space) {
    if (!space) kept = end;
  });
  return text.substr(0, kept);
}

std::string_view python_strip(std::string_view text) {
  text = python_rstrip(text);
  size_t first = text.size();
  for_each_character(text, [&](size_t begin, size_t, bool space) {
    if (!space && begin < first) first = begin;
  });
  return text.substr(first);
}

std::vector<std::string_view> python_split(std::string_view text) {
  std::vector<std::string_view> words;
  size_t word = 0;  // where the word in progress begins
  for_each_character(text, [&](size_t begin, size_t end, bool space) {
    if (!space) return;
    if (begin > word) words.push_back(text.substr(word, begin - word));
    word = end;
  });
  if (word < text.size()) words.push_back(text.substr(word));
  return words;
}

std::string python_replace(std::string_view text, std::string_view from, std::string_view to) {
  QWENCH_CHECK(!from.empty());
  std::string out;
  out.reserve(text.size());
  size_t at = 0;
  for (size_t found; (found = text.find(from, at)) != std::string_view::npos;) {
    out.append(text.substr(at, found - at)).append(to);
    at = found + from.size();
  }
  return out.append(text.substr(at));
}

int64_t python_length(std::string_view text) {
  int64_t n = 0;
  for_each_character(text, [&](size_t, size_t, bool) { ++n; });
  return n;
}

}  // namespace qwench::bench
