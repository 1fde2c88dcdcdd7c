// One table-free decoder; everything else here is a loop over it.
#include "engine/text/utf8.h"

#include "engine/base/check.h"

namespace qwench {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

/// What may follow a lead byte: how many bytes, and the range of the second one (the rest are
/// 80..BF). The narrowed ranges are what keeps out overlong forms, surrogates and > U+10FFFF.
struct Lead {
  int bytes;
  uint8_t second_min, second_max;
};

Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2 || byte > 0xF4) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte < 0xF0)
    return {3, uint8_t(byte == 0xE0 ? 0xA0 : 0x80), uint8_t(byte == 0xED ? 0x9F : 0xBF)};
  return {4, uint8_t(byte == 0xF0 ? 0x90 : 0x80), uint8_t(byte == 0xF4 ? 0x8F : 0xBF)};
}

}  // namespace

Utf8Step read_utf8(std::string_view bytes, size_t at) {
  const uint8_t first = uint8_t(bytes[at]);
  const Lead lead = lead_of(first);
  if (lead.bytes == 1) return {Utf8Step::kCharacter, 1, first};
  if (lead.bytes == 0) return {Utf8Step::kInvalid, 1, kReplacement};
  char32_t value = first & (0xFF >> (lead.bytes + 1));
  for (int i = 1; i < lead.bytes; ++i) {
    if (at + size_t(i) >= bytes.size()) return {Utf8Step::kCutOff, i, kReplacement};
    const uint8_t next = uint8_t(bytes[at + size_t(i)]);
    const uint8_t min = i == 1 ? lead.second_min : 0x80, max = i == 1 ? lead.second_max : 0xBF;
    if (next < min || next > max) return {Utf8Step::kInvalid, i, kReplacement};
    value = value << 6 | (next & 0x3F);
  }
  return {Utf8Step::kCharacter, lead.bytes, value};
}

void append_utf8(std::string& out, char32_t value) {
  QWENCH_CHECK(value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF));
  if (value < 0x80) {
    out += char(value);
  } else if (value < 0x800) {
    out += char(0xC0 | value >> 6);
    out += char(0x80 | (value & 0x3F));
  } else if (value < 0x10000) {
    out += char(0xE0 | value >> 12);
    out += char(0x80 | (value >> 6 & 0x3F));
    out += char(0x80 | (value & 0x3F));
  } else {
    out += char(0xF0 | value >> 18);
    out += char(0x80 | (value >> 12 & 0x3F));
    out += char(0x80 | (value >> 6 & 0x3F));
    out += char(0x80 | (value & 0x3F));
  }
}

std::string text_of_file(std::string bytes, std::string_view where) {
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Step step = read_utf8(bytes, at);
    if (step.kind != Utf8Step::kCharacter)
      fail(
          "{}: expected text in UTF-8, got byte 0x{:02x} at {}; convert it (iconv -t UTF-8), or "
          "give "
          "a text",
          where, uint8_t(bytes[at]), at);
    at += size_t(step.bytes);
  }
  size_t at = bytes.compare(0, kByteOrderMark.size(), kByteOrderMark) ? 0 : kByteOrderMark.size();
  size_t to = 0;
  for (; at < bytes.size(); ++at) {
    const bool pair = bytes[at] == '\r' && at + 1 < bytes.size() && bytes[at + 1] == '\n';
    if (!pair) bytes[to++] = bytes[at] == '\r' ? '\n' : bytes[at];
  }
  bytes.resize(to);
  return bytes;
}

bool is_utf8(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Step step = read_utf8(bytes, at);
    if (step.kind != Utf8Step::kCharacter) return false;
    at += size_t(step.bytes);
  }
  return true;
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Step step = read_utf8(bytes, at);
    if (step.kind == Utf8Step::kCharacter)
      out.append(bytes, at, size_t(step.bytes));
    else
      append_utf8(out, kReplacement);
    at += size_t(step.bytes);
  }
  return out;
}

}  // namespace qwench
