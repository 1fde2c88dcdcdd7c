// GGUF files put together byte by byte, so that any one of them can be wrong.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qwench::test {

template <class T>
std::string le(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}
inline std::string text(std::string_view s) { return le(uint64_t(s.size())) + std::string(s); }

inline std::string kv(std::string_view key, uint32_t type, const std::string& value) {
  return text(key) + le(type) + value;
}
inline std::string kv_u32(std::string_view key, uint32_t value) { return kv(key, 4, le(value)); }
inline std::string kv_f32(std::string_view key, float value) { return kv(key, 6, le(value)); }
inline std::string kv_text(std::string_view key, std::string_view s) { return kv(key, 8, text(s)); }
inline std::string kv_texts(std::string_view key, const std::vector<std::string>& values) {
  std::string out = le(uint32_t(8)) + le(uint64_t(values.size()));
  for (const std::string& value : values) out += text(value);
  return kv(key, 9, out);
}
inline std::string kv_i32s(std::string_view key, const std::vector<int32_t>& values) {
  std::string out = le(uint32_t(5)) + le(uint64_t(values.size()));
  for (const int32_t value : values) out += le(value);
  return kv(key, 9, out);
}

inline std::string tensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type,
                          uint64_t offset) {
  std::string out = text(name) + le(uint32_t(dims.size()));
  for (const uint64_t dim : dims) out += le(dim);
  return out + le(type) + le(offset);
}

/// A file of these parts; counts and version can lie.
struct GgufBytes {
  std::vector<std::string> values, tensors;
  std::string data;
  uint32_t version = 3;
  int64_t alignment = 32;
  uint64_t extra_values = 0, extra_tensors = 0;  // added to the counts

  std::string header() const {
    std::string out = "GGUF" + le(version) + le(uint64_t(tensors.size()) + extra_tensors) +
                      le(uint64_t(values.size()) + extra_values);
    for (const std::string& v : values) out += v;
    for (const std::string& t : tensors) out += t;
    return out;
  }
  std::string file() const {
    std::string out = header();
    while (out.size() % size_t(alignment) != 0) out += '\0';
    return out + data;
  }
};

/// The keys of a small qwen3 model of one layer.
inline std::vector<std::string> small_keys() {
  return {kv_text("general.architecture", "qwen3"),
          kv_u32("qwen3.block_count", 1),
          kv_u32("qwen3.context_length", 64),
          kv_u32("qwen3.embedding_length", 32),
          kv_u32("qwen3.feed_forward_length", 32),
          kv_u32("qwen3.attention.head_count", 2),
          kv_u32("qwen3.attention.head_count_kv", 1),
          kv_u32("qwen3.attention.key_length", 16),
          kv_u32("qwen3.attention.value_length", 16),
          kv_f32("qwen3.attention.layer_norm_rms_epsilon", 1e-6f),
          kv_f32("qwen3.rope.freq_base", 1e6f)};
}

/// A model with those keys and no tensor but an embedding of 4 rows.
inline GgufBytes small_model() {
  GgufBytes f;
  f.values = small_keys();
  f.tensors = {tensor("token_embd.weight", {32, 4}, 0, 0)};
  f.data.assign(32 * 4 * 4, '\0');
  return f;
}

}  // namespace qwench::test
