// Decomposition, ordering and composition are separate steps here: utf8proc's own ordering of
// combining marks is a bubble sort, quadratic in a long run of marks, so only its tables are used.
#include "engine/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/base/check.h"
#include "engine/text/utf8.h"

namespace qwench {
namespace {

CharClass class_of_ascii(char32_t c) {
  if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') return CharClass::kLetter;
  if (c >= '0' && c <= '9') return CharClass::kNumber;
  if (c == '\r' || c == '\n') return CharClass::kNewline;
  return c == ' ' || (c >= 9 && c <= 13) ? CharClass::kSpace : CharClass::kOther;
}

/// White_Space above ASCII. utf8proc has no such property, and its categories Z* leave out U+0085.
bool is_wide_space(char32_t c) {
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Sorts every run of marks by combining class, keeping the order of equals (canonical ordering).
void order_marks(std::vector<utf8proc_int32_t>& text) {
  const auto combining_class = [](utf8proc_int32_t c) {
    return c < 0x300 ? 0 : int(utf8proc_get_property(c)->combining_class);
  };
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && combining_class(text[end]) != 0) ++end;
    if (end - at > 1) {
      std::stable_sort(text.begin() + std::ptrdiff_t(at), text.begin() + std::ptrdiff_t(end),
                       [&](utf8proc_int32_t a, utf8proc_int32_t b) {
                         return combining_class(a) < combining_class(b);
                       });
    }
    at = end + 1;
  }
}

/// Canonical decomposition, in canonical order.
std::vector<utf8proc_int32_t> decompose(std::string_view text) {
  constexpr auto kOptions = utf8proc_option_t(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE);
  std::vector<utf8proc_int32_t> out;
  out.reserve(text.size() / 2);
  utf8proc_int32_t parts[32];
  for (size_t at = 0; at < text.size();) {
    const Utf8Step step = read_utf8(text, at);
    QWENCH_CHECK(step.kind == Utf8Step::kCharacter);
    int boundclass = 0;
    const auto count =
        utf8proc_decompose_char(utf8proc_int32_t(step.value), parts, 32, kOptions, &boundclass);
    if (count < 0 || count > 32)
      out.push_back(utf8proc_int32_t(step.value));  // not a known character
    else
      out.insert(out.end(), parts, parts + count);
    at += size_t(step.bytes);
  }
  order_marks(out);
  return out;
}

}  // namespace

CharClass class_of(char32_t c) {
  if (c < 0x80) return class_of_ascii(c);
  if (is_wide_space(c)) return CharClass::kSpace;
  switch (utf8proc_category(utf8proc_int32_t(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return CharClass::kLetter;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return CharClass::kMark;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return CharClass::kNumber;
    default: return CharClass::kOther;
  }
}

std::string to_nfc(std::string_view text) {
  // Below U+0300 (lead bytes below CC) nothing composes or decomposes under NFC.
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return uint8_t(c) < 0xCC; });
  if (plain) return std::string(text);
  std::vector<utf8proc_int32_t> points = decompose(text);
  const auto composed =
      utf8proc_normalize_utf32(points.data(), utf8proc_ssize_t(points.size()),
                               utf8proc_option_t(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  QWENCH_CHECK(composed >= 0 && size_t(composed) <= points.size());
  std::string out;
  out.reserve(text.size());
  for (utf8proc_ssize_t i = 0; i < composed; ++i) append_utf8(out, char32_t(points[size_t(i)]));
  return out;
}

}  // namespace qwench
