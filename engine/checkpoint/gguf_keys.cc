// Serialisation of key-values. GGUF is little-endian, as is every machine this runs on.
#include "engine/checkpoint/gguf_keys.h"

#include <algorithm>

#include "engine/base/check.h"

namespace qwench {

template <class T>
void append_number(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template void append_number(std::string&, uint32_t);
template void append_number(std::string&, uint64_t);

void append_gguf_string(std::string& to, std::string_view text) {
  append_number(to, uint64_t(text.size()));
  to.append(text);
}

void GgufKeys::begin(std::string_view key, GgufKind kind) {
  QWENCH_CHECK(!key.empty() && std::find(keys_.begin(), keys_.end(), key) == keys_.end());
  keys_.emplace_back(key);
  append_gguf_string(bytes_, key);
  append_number(bytes_, uint32_t(kind));
}

void GgufKeys::add_string(std::string_view key, std::string_view value) {
  begin(key, GgufKind::kString);
  append_gguf_string(bytes_, value);
}
void GgufKeys::add_u32(std::string_view key, uint32_t value) {
  begin(key, GgufKind::kU32);
  append_number(bytes_, value);
}
void GgufKeys::add_i32(std::string_view key, int32_t value) {
  begin(key, GgufKind::kI32);
  append_number(bytes_, uint32_t(value));
}
void GgufKeys::add_f32(std::string_view key, float value) {
  begin(key, GgufKind::kF32);
  bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void GgufKeys::add_bool(std::string_view key, bool value) {
  begin(key, GgufKind::kBool);
  bytes_ += char(value);
}

void GgufKeys::add_strings(std::string_view key, const std::vector<std::string>& values) {
  begin(key, GgufKind::kArray);
  append_number(bytes_, uint32_t(GgufKind::kString));
  append_number(bytes_, uint64_t(values.size()));
  for (const std::string& value : values) append_gguf_string(bytes_, value);
}
void GgufKeys::add_i32s(std::string_view key, const std::vector<int32_t>& values) {
  begin(key, GgufKind::kArray);
  append_number(bytes_, uint32_t(GgufKind::kI32));
  append_number(bytes_, uint64_t(values.size()));
  for (const int32_t value : values) append_number(bytes_, uint32_t(value));
}

void GgufKeys::copy(const GgufHeader& from, const GgufValue& value) {
  begin(value.key, value.kind);
  bytes_.append(from.bytes(value));
}

void GgufKeys::append(const GgufKeys& other) {
  for (const std::string& key : other.keys_)
    QWENCH_CHECK(std::find(keys_.begin(), keys_.end(), key) == keys_.end());
  keys_.insert(keys_.end(), other.keys_.begin(), other.keys_.end());
  bytes_ += other.bytes_;
}

}  // namespace qwench
