// The alternatives of the regular expression, tried in its order at each position. With L = letters
// (and marks for Qwen3.5):
//   (?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?L+ | \p{N} | ?[^\s L \p{N}]+[\r\n]* |
//   \s*[\r\n]+ | \s+(?!\S) | \s+
// Each takes back at most one character of what it looked at, or hands it whole to the next piece.
#include "engine/text/pretokenizer.h"

#include "engine/text/unicode.h"
#include "engine/text/utf8.h"

namespace qwench {
namespace {

constexpr std::string_view kQwen2Regex =
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})re"
    R"re(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
constexpr std::string_view kQwen35Regex =
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N})re"
    R"re(| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";

class Scanner {
 public:
  Scanner(PreTokenizer rule, std::string_view text)
      : text_(text), marks_join_(rule == PreTokenizer::kQwen35) {}

  size_t piece_end(size_t at) const {
    if (const size_t end = contraction(at)) return end;
    const Seen first = see(at);
    if (const size_t end = word(at, first)) return end;
    if (first.kind == CharClass::kNumber) return first.end;
    if (const size_t end = punctuation(at, first)) return end;
    return spaces(at);
  }

 private:
  struct Seen {
    CharClass kind;
    char32_t value;
    size_t end;  // where the next character begins
  };
  Seen see(size_t at) const {
    const Utf8Step step = read_utf8(text_, at);
    return {class_of(step.value), step.value, at + size_t(step.bytes)};
  }
  bool is_word(CharClass kind) const {
    return kind == CharClass::kLetter || (marks_join_ && kind == CharClass::kMark);
  }
  bool is_punctuation(CharClass kind) const {
    return kind == CharClass::kOther || (!marks_join_ && kind == CharClass::kMark);
  }

  /// 's 't 're 've 'm 'll 'd in any case; the long s (U+017F) folds to s. 0: no match.
  size_t contraction(size_t at) const {
    if (text_[at] != '\'' || at + 1 >= text_.size()) return 0;
    const char a = lower(at + 1), b = lower(at + 2);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return at + 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return at + 3;
    return text_.substr(at + 1, 2) == "\xC5\xBF" ? at + 3 : 0;
  }
  char lower(size_t at) const {
    const char c = at < text_.size() ? text_[at] : '\0';
    return c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  }

  size_t word(size_t at, const Seen& first) const {
    const bool may_lead = first.kind != CharClass::kNewline && first.kind != CharClass::kLetter &&
                          first.kind != CharClass::kNumber;
    if (may_lead) {
      const size_t end = run(first.end, [this](CharClass kind) { return is_word(kind); });
      if (end > first.end) return end;
    }
    return is_word(first.kind) ? run(at, [this](CharClass kind) { return is_word(kind); }) : 0;
  }

  size_t punctuation(size_t at, const Seen& first) const {
    const size_t begin = first.value == ' ' ? first.end : at;
    const size_t end = run(begin, [this](CharClass kind) { return is_punctuation(kind); });
    if (end == begin) return 0;
    return run(end, [](CharClass kind) { return kind == CharClass::kNewline; });
  }

  /// Up to the last newline of the run if it has one; else the run without its last character,
  /// which leads the next word; else the run. Precondition: a space or newline at `at`.
  size_t spaces(size_t at) const {
    size_t end = at, last_begin = at, after_newline = 0;
    while (end < text_.size()) {
      const Seen next = see(end);
      if (next.kind != CharClass::kSpace && next.kind != CharClass::kNewline) break;
      last_begin = end;
      end = next.end;
      if (next.kind == CharClass::kNewline) after_newline = end;
    }
    if (after_newline) return after_newline;
    return end == text_.size() || last_begin == at ? end : last_begin;
  }

  template <class Belongs>
  size_t run(size_t at, Belongs belongs) const {
    while (at < text_.size()) {
      const Seen next = see(at);
      if (!belongs(next.kind)) break;
      at = next.end;
    }
    return at;
  }

  std::string_view text_;
  bool marks_join_;
};

}  // namespace

std::optional<PreTokenizer> find_pretokenizer(std::string_view regex) {
  if (regex == kQwen2Regex) return PreTokenizer::kQwen2;
  if (regex == kQwen35Regex) return PreTokenizer::kQwen35;
  return std::nullopt;
}

std::string_view regex_of(PreTokenizer rule) {
  return rule == PreTokenizer::kQwen35 ? kQwen35Regex : kQwen2Regex;
}

size_t next_piece(PreTokenizer rule, std::string_view text, size_t at) {
  return Scanner(rule, text).piece_end(at) - at;
}

}  // namespace qwench
