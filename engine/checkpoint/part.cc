// Reads of stored tensors. Files are little-endian, as are all machines this program runs on.
#include "engine/checkpoint/part.h"

#include <cmath>
#include <cstring>

#include "engine/base/dtype.h"
#include "engine/base/json.h"

namespace qwench {
namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

DType float_type(const std::string& dtype) {
  QWENCH_CHECK(dtype == "F32" || dtype == "F16" || dtype == "BF16");
  return dtype == "F32" ? DType::kF32 : dtype == "F16" ? DType::kF16 : DType::kBF16;
}

}  // namespace

int64_t Part::elements() const {
  int64_t n = 1;  // the product is known to fit since the header was read
  for (const int64_t dim : shape()) n *= dim;
  return n;
}

std::string Part::quoted_name() const { return in_quotes(name); }

void Part::expect_dtype(std::initializer_list<std::string_view> dtypes) const {
  for (const std::string_view known : dtypes)
    if (known == dtype()) return;
  refuse("expected dtype {}, got {}; the file is not of the scheme that its configuration names",
         fmt::join(dtypes, " or "), dtype());
}

void Part::expect_shape(const std::vector<int64_t>& expected) const {
  if (shape() != expected)
    refuse(
        "expected shape {} to fit its module, got {}; the file is not of the scheme, bits and "
        "group "
        "size that its configuration names",
        shape_text(expected), shape_text(shape()));
}

void Part::expect_matrix() const {
  if (shape().size() != 2 || shape()[0] < 1 || shape()[1] < 1)
    refuse("expected a matrix, got shape {}", shape_text(shape()));
}

std::vector<float> Part::to_floats(const std::vector<uint8_t>& bytes) const {
  const DType type = float_type(dtype());
  std::vector<float> values(bytes.size() / size_t(size_of(type)));
  convert(bytes.data(), type, values.data(), DType::kF32, int64_t(values.size()));
  for (const float value : values)
    if (!std::isfinite(value)) refuse("expected finite values, got {}", value);
  return values;
}

std::vector<uint8_t> Part::read_bytes(int64_t first, int64_t bytes) const {
  std::vector<uint8_t> out(static_cast<size_t>(bytes));
  file->read(*stored, first, bytes, out.data());
  return out;
}

std::vector<float> Part::read_floats(int64_t first, int64_t count) const {
  const int64_t size = size_of(float_type(dtype()));
  return to_floats(read_bytes(first * size, count * size));
}

std::vector<uint32_t> Part::read_words(int64_t first, int64_t count) const {
  std::vector<uint32_t> out(static_cast<size_t>(count));
  file->read(*stored, first * 4, count * 4, out.data());
  return out;
}

void Part::read_block(int64_t element_bytes, int64_t first_row, int64_t n_rows, int64_t first_col,
                      int64_t n_cols, void* to) const {
  const int64_t cols = shape()[1];
  QWENCH_CHECK(first_col >= 0 && n_cols >= 0 && first_col <= cols - n_cols);
  if (n_cols == cols) {
    file->read(*stored, first_row * cols * element_bytes, n_rows * cols * element_bytes, to);
    return;
  }
  const int64_t bytes = n_cols * element_bytes;
  for (int64_t r = 0; r < n_rows; ++r)
    file->read(*stored, ((first_row + r) * cols + first_col) * element_bytes, bytes,
               static_cast<char*>(to) + r * bytes);
}

std::vector<uint32_t> Part::read_word_block(int64_t first_row, int64_t n_rows, int64_t first_col,
                                            int64_t n_cols) const {
  std::vector<uint32_t> out(size_t(n_rows * n_cols));
  read_block(4, first_row, n_rows, first_col, n_cols, out.data());
  return out;
}

std::vector<float> Part::read_float_block(int64_t first_row, int64_t n_rows, int64_t first_col,
                                          int64_t n_cols) const {
  const int64_t size = size_of(float_type(dtype()));
  std::vector<uint8_t> bytes(size_t(n_rows * n_cols * size));
  read_block(size, first_row, n_rows, first_col, n_cols, bytes.data());
  return to_floats(bytes);
}

std::vector<int32_t> read_group_index(const Part& part, int64_t n, int64_t groups) {
  part.expect_dtype({"I32"});
  part.expect_shape({n});
  std::vector<int32_t> index;
  for (const uint32_t group : part.read_words(0, n)) {
    if (group >= uint64_t(groups))  // a negative one is large as unsigned
      part.refuse("expected groups of 0 to {}, got {} for input {}", groups - 1, int32_t(group),
                  index.size());
    index.push_back(int32_t(group));
  }
  return index;
}

void unpack_bits(const uint32_t* words, int bits, int64_t n, uint8_t* to) {
  QWENCH_CHECK(bits >= 1 && bits <= 8);
  const uint64_t mask = (uint64_t(1) << bits) - 1;
  uint64_t held = 0;
  int n_held = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (n_held < bits) {
      held |= uint64_t(*words++) << n_held;
      n_held += 32;
    }
    to[i] = uint8_t(held & mask);
    held >>= bits;
    n_held -= bits;
  }
}

}  // namespace qwench
