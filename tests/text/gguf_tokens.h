// A small tokenizer as the keys of a GGUF file, for tests to change.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "engine/text/load_gguf.h"
#include "tests/checkpoint/gguf_bytes.h"

namespace qwench::test {

/// The header of a file that holds these values and no tensors.
inline GgufHeader parse_gguf(const std::vector<std::string>& values) {
  GgufBytes f;
  f.values = values;
  const std::string bytes = f.file();
  const auto read = [&](int64_t offset, int64_t n, char* to) {
    std::copy_n(bytes.data() + offset, n, to);
  };
  return GgufHeader(read, int64_t(bytes.size()), "f.gguf");
}

struct GgufTokens {
  std::vector<std::string> tokens, merges = {"a b"};
  std::vector<int32_t> types;

  /// The 256 bytes in the alphabet of GPT-2, "ab", two special tokens, one user-defined, padding.
  GgufTokens() {
    int next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
      const int letter = printable ? byte : next++;
      if (letter < 0x80)
        add(std::string(1, char(letter)), kGgufNormal);
      else
        add({char(0xC0 | letter >> 6), char(0x80 | (letter & 0x3F))}, kGgufNormal);
    }
    add("ab", kGgufNormal);
    add("<|endoftext|>", kGgufControl);
    add("<|im_end|>", kGgufControl);
    add("<think>", kGgufUserDefined);
    add("[PAD260]", kGgufUnused);
    add("[PAD261]", kGgufUnused);
  }
  void add(const std::string& token, int64_t type) {
    tokens.push_back(token);
    types.push_back(int32_t(type));
  }
  std::vector<std::string> values() const {
    return {kv_text("tokenizer.ggml.model", "gpt2"), kv_text("tokenizer.ggml.pre", "qwen2"),
            kv_texts("tokenizer.ggml.tokens", tokens), kv_i32s("tokenizer.ggml.token_type", types),
            kv_texts("tokenizer.ggml.merges", merges)};
  }
};

}  // namespace qwench::test
