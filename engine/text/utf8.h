// UTF-8 as Python reads it: what is not valid becomes U+FFFD, one per maximal prefix of a character
// (Unicode 3.9, "substitution of maximal subparts"; bytes.decode(errors="replace")).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace qwench {

/// What stands at the start of some bytes.
struct Utf8Step {
  enum Kind { kCharacter, kInvalid, kCutOff };  // kCutOff: the bytes end inside a character
  Kind kind;
  int bytes;       // >= 1: length of the character, or of what one U+FFFD stands for
  char32_t value;  // the code point; U+FFFD unless kCharacter
};

/// Reads one step from bytes[at...]. Precondition: at < bytes.size().
Utf8Step read_utf8(std::string_view bytes, size_t at);

/// Appends the code point. Precondition: a scalar value (no surrogate, at most U+10FFFF).
void append_utf8(std::string& out, char32_t value);

/// U+FEFF at the start of a file: how some editors mark UTF-8. No part of the text.
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// The bytes of a text file as Python's open(encoding="utf-8-sig") gives them: without that mark, and
/// "\n" for every line end ("\r\n", "\r"). Error naming `where` and the first byte that is not UTF-8.
std::string text_of_file(std::string bytes, std::string_view where);

bool is_utf8(std::string_view bytes);

/// bytes.decode(errors="replace"), as UTF-8 again.
std::string replace_invalid_utf8(std::string_view bytes);

}  // namespace qwench
