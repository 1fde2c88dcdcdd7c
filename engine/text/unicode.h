// The Unicode properties a Qwen tokenizer needs: four character classes and NFC. Tables: utf8proc.
#pragma once
#include <string>
#include <string_view>

namespace qwench {

/// Classes as the published regular expressions use them; a character is in exactly one.
enum class CharClass : unsigned char {
  kLetter,   // \p{L}
  kMark,     // \p{M}
  kNumber,   // \p{N}
  kNewline,  // \r or \n
  kSpace,    // \s (White_Space) other than \r and \n
  kOther
};
CharClass class_of(char32_t c);

/// Normalization form C. Precondition: `text` is valid UTF-8. O(n log n) for any input.
std::string to_nfc(std::string_view text);

}  // namespace qwench
