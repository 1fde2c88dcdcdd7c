// Escaping is done where text leaves the program, so that nobody has to remember it.
#include "bench/support/visible.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "engine/text/utf8.h"

namespace qwench::bench {

namespace {

constexpr size_t kLongestColour = 16;

/// Length of the colour sequence that begins here: ESC [ digits and semicolons m. 0: none.
size_t colour_at(std::string_view text, size_t at) {
  if (text.substr(at, 2) != "\x1b[") return 0;
  const size_t end = std::min(text.find_first_not_of("0123456789;", at + 2), text.size());
  const bool colour = end < text.size() && text[end] == 'm' && end - at < kLongestColour;
  return colour ? end + 1 - at : 0;
}

bool is_control(char32_t c) {
  return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0);
}

}  // namespace

std::string visible(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Utf8Step step = read_utf8(text, at);
    const size_t colour = colour_at(text, at);
    const size_t bytes = colour ? colour : size_t(step.bytes);
    if (step.kind != Utf8Step::kCharacter) {
      for (const char c : text.substr(at, bytes)) out += fmt::format("\\x{:02x}", uint8_t(c));
    } else if (!colour && is_control(step.value)) {
      out += step.value < 0x80 ? fmt::format("\\x{:02x}", uint32_t(step.value))
                               : fmt::format("\\u{:04x}", uint32_t(step.value));
    } else {
      out += text.substr(at, bytes);
    }
    at += bytes;
  }
  return out;
}

std::string for_descriptor(int descriptor, std::string_view text) {
  return isatty(descriptor) == 1 ? visible(text) : std::string(text);
}

}  // namespace qwench::bench
