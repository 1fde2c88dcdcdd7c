// Key-values of a GGUF file being put together, in the order they are added.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint/gguf.h"

namespace qwench {

/// Contract of all add_*: a key is not empty and added once.
class GgufKeys {
 public:
  void add_string(std::string_view key, std::string_view value);
  void add_u32(std::string_view key, uint32_t value);
  void add_i32(std::string_view key, int32_t value);
  void add_f32(std::string_view key, float value);
  void add_bool(std::string_view key, bool value);
  void add_strings(std::string_view key, const std::vector<std::string>& values);
  void add_i32s(std::string_view key, const std::vector<int32_t>& values);
  /// A value of another file, as it is there.
  void copy(const GgufHeader& from, const GgufValue& value);
  /// All of `other` after these.
  void append(const GgufKeys& other);

  int64_t count() const { return int64_t(keys_.size()); }
  const std::string& bytes() const { return bytes_; }

 private:
  void begin(std::string_view key, GgufKind kind);

  std::vector<std::string> keys_;
  std::string bytes_;
};

/// Appends the bytes of a number, least significant first.
template <class T>
void append_number(std::string& to, T value);
/// Appends a length and the text.
void append_gguf_string(std::string& to, std::string_view text);

}  // namespace qwench
