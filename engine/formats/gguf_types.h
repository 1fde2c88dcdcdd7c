// The tensor types of a GGUF file that can be read: what a block is and how to decode it.
// The table is the only place that knows all of them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/dtype.h"

namespace qwench {

struct GgufType {
  uint32_t id;             // as stored in a tensor info
  const char* name;        // as ggml spells it: "Q4_K"
  int64_t block_elements;  // a row is whole blocks; 1 for F32, F16 and BF16
  int64_t block_bytes;
  std::optional<DType> dtype;  // the engine's own type with the same bytes, where there is one

  /// n elements (a multiple of block_elements) to f32. `from` may have any alignment and hold any
  /// bytes; a NaN or infinity among its scales comes out as NaN or infinity.
  void (*decode)(const void* from, int64_t n, float* to);

  /// Bytes of n elements; contract: n is a multiple of block_elements.
  int64_t bytes(int64_t n) const { return n / block_elements * block_bytes; }
};

/// Null when the id is unknown or the type cannot be decoded.
const GgufType* find_gguf_type(uint32_t id);

/// Null unless the name is that of a type that can be decoded, as ggml spells it.
const GgufType* find_gguf_type(const std::string& name);

/// What to call a type that is refused: "IQ2_XXS", or "type 97" where ggml has no such id.
std::string name_of_gguf_type(uint32_t id);

/// "F32, F16, ..., IQ4_XS": what can be decoded, for messages.
std::string gguf_type_names();

}  // namespace qwench
