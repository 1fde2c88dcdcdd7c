// The keys of one architecture in a GGUF file ("qwen3.block_count"), asked for without its name, and what
// those that are no sizes may say.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint/gguf.h"

namespace qwench {

struct GgufArchKeys {
  const GgufHeader& header;
  std::string prefix;  // "qwen3."

  std::string name(std::string_view key) const { return prefix + std::string(key); }
  bool has(std::string_view key) const { return header.find(name(key)) != nullptr; }
  int64_t integer(std::string_view key, int64_t min, int64_t max) const {
    return header.integer(name(key), min, max);
  }
  int64_t integer_or(std::string_view key, int64_t fallback, int64_t min, int64_t max) const {
    return header.integer_or(name(key), fallback, min, max);
  }
  double number_or(std::string_view key, double fallback, double min, double max) const {
    return header.number_or(name(key), fallback, min, max);
  }
  /// An integer, or an array of n_layers equal ones; Error where layers differ.
  int64_t layers_integer(std::string_view key, int64_t n_layers, int64_t min, int64_t max) const;
  /// The start of a message about a key, there or not.
  std::string place(std::string_view key) const;
};

/// Error naming the first key that would change the numbers in a way that is not implemented.
void refuse_gguf_keys(const GgufArchKeys& keys);

/// Keys of the architecture that nobody reads and that are not known to be harmless, in file order.
std::vector<std::string> unknown_gguf_keys(const GgufArchKeys& keys);

}  // namespace qwench
