// One stored tensor of a checkpoint folder, and checked reads of it: what a quantised weight is put
// together from. Type and shape are checked before the first read, so a read only meets values.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.h"
#include "engine/checkpoint/safetensors.h"

namespace qwench {

/// Bytes of packed values that a decoder holds at a time, however large the matrix.
constexpr int64_t kDecodeBytes = 1 << 20;

/// A stored tensor under its canonical name ("model.norm.weight", also where the file says
/// "norm.weight"). The file outlives it.
struct Part {
  std::string name;
  const SafetensorsFile* file = nullptr;
  const StoredTensor* stored = nullptr;

  const std::string& dtype() const { return stored->dtype; }
  const std::vector<int64_t>& shape() const { return stored->shape; }
  int64_t bytes() const { return stored->end - stored->begin; }
  int64_t elements() const;
  bool is_float() const { return dtype() == "F32" || dtype() == "F16" || dtype() == "BF16"; }

  /// Error naming tensor and file: "tensor 'x': <message> (in <file>)".
  template <class... A>
  [[noreturn]] void refuse(fmt::format_string<A...> format, A&&... args) const {
    fail("tensor {}: {} (in {})", quoted_name(), fmt::format(format, std::forward<A>(args)...),
         file->path());
  }

  /// Error unless the type, as the format writes it ("I32"), is one of these.
  void expect_dtype(std::initializer_list<std::string_view> dtypes) const;
  /// Error unless the shape is this one.
  void expect_shape(const std::vector<int64_t>& expected) const;
  /// Error unless it is a matrix of at least one row and one column.
  void expect_matrix() const;

  /// `count` elements from element `first` as f32 (exact), each of them finite or Error.
  /// Contract: is_float(), within the tensor.
  std::vector<float> read_floats(int64_t first, int64_t count) const;
  /// `bytes` bytes from byte `first`.
  std::vector<uint8_t> read_bytes(int64_t first, int64_t bytes) const;
  /// The same as 32-bit words.
  std::vector<uint32_t> read_words(int64_t first, int64_t count) const;

  /// Columns [first_col, first_col + n_cols) of rows [first_row, first_row + n_rows) of a matrix
  /// of 32-bit words, and of one of floats: one read where whole rows are asked for.
  std::vector<uint32_t> read_word_block(int64_t first_row, int64_t n_rows, int64_t first_col,
                                        int64_t n_cols) const;
  std::vector<float> read_float_block(int64_t first_row, int64_t n_rows, int64_t first_col,
                                      int64_t n_cols) const;

 private:
  std::string quoted_name() const;
  std::vector<float> to_floats(const std::vector<uint8_t>& bytes) const;
  void read_block(int64_t element_bytes, int64_t first_row, int64_t n_rows, int64_t first_col,
                  int64_t n_cols, void* to) const;
};

/// The group of each of `n` inputs, as a tensor I32 [n] says; Error unless all are below `groups`.
std::vector<int32_t> read_group_index(const Part& part, int64_t n, int64_t groups);

/// Unpacks `n` unsigned integers of `bits` bits (1 to 8) from a stream of 32-bit words, low bits
/// first; an integer may lie across two words. Contract: `words` holds all of them.
void unpack_bits(const uint32_t* words, int bits, int64_t n, uint8_t* to);

}  // namespace qwench
