// Parsing the header of a GGUF file. Source of the format: ggml-org/ggml docs/gguf.md and
// src/gguf.cpp; cases G01-G32 of the project's catalogue are its tests.
#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "engine/base/check.h"
#include "engine/base/checked.h"
#include "engine/base/json.h"
#include "engine/checkpoint/gguf_cursor.h"

namespace qwench {
namespace {

constexpr uint64_t kMaxKeyBytes = 65535;    // by the format's specification
constexpr uint64_t kMaxNameBytes = 63;      // as ggml has it
constexpr int64_t kMaxAlignment = 1 << 20;  // a page of any machine, with room
constexpr int64_t kLeastValue = 8 + 1 + 4 + 1, kLeastTensor = 8 + 1 + 4 + 8 + 4 + 8;
constexpr int64_t kMaxEntries = 1 << 16;  // key-values, tensors; the largest model has 2,000
constexpr std::array<int64_t, 13> kKindBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

void check_version(GgufCursor& in) {
  char magic[4];
  std::memcpy(magic, in.take(4, "magic"), 4);
  if (std::memcmp(magic, "GGUF", 4) != 0)
    fail("{}: magic at byte 0: expected 'GGUF', got {}: not a GGUF file", in.where(),
         in_quotes({magic, 4}));
  const uint32_t version = in.u32("version");
  if (version == 2 || version == 3) return;
  if ((version & 0xffff) == 0 && version != 0)
    fail(
        "{}: version at byte 4: expected a little-endian 2 or 3, got 0x{:08x}: the file is "
        "big-endian; convert it for this kind of machine",
        in.where(), version);
  fail(
      "{}: version at byte 4: expected 2 or 3, got {}; convert the model again with a current "
      "converter",
      in.where(), version);
}

/// A count of elements that each take at least `least` bytes of what is left.
int64_t read_count(GgufCursor& in, std::string_view what, int64_t least) {
  const int64_t begin = in.at();
  const uint64_t count = in.u64(what);
  if (count > uint64_t(in.left() / least))
    fail(
        "{}: {} at byte {}: expected at most {} as fit in the rest of the file, got {}: the file "
        "is truncated or damaged",
        in.where(), what, begin, in.left() / least, count);
  return int64_t(count);
}

int64_t read_entries(GgufCursor& in, std::string_view what, int64_t least) {
  const int64_t begin = in.at(), count = read_count(in, what, least);
  if (count > kMaxEntries)
    fail("{}: {} at byte {}: expected at most {}, got {}", in.where(), what, begin, kMaxEntries,
         count);
  return count;
}

GgufKind read_kind(GgufCursor& in, const std::string& what) {
  const int64_t begin = in.at();
  const uint32_t kind = in.u32(what);
  if (kind >= kKindBytes.size())
    fail("{}: {} at byte {}: expected a value type from 0 to {}, got {}", in.where(), what, begin,
         kKindBytes.size() - 1, kind);
  return GgufKind(kind);
}

void skip_bools(GgufCursor& in, int64_t count, const std::string& what) {
  const int64_t begin = in.at();
  const char* from = in.take(uint64_t(count), what);
  for (int64_t i = 0; i < count; ++i)
    if (uint8_t(from[i]) > 1)
      fail("{}: {} at byte {}: expected a bool of 0 or 1, got {}", in.where(), what, begin + i,
           uint8_t(from[i]));
}

void skip_elements(GgufCursor& in, GgufKind kind, int64_t count, const std::string& what) {
  if (kind == GgufKind::kBool) return skip_bools(in, count, what);
  if (kind == GgufKind::kString) {
    for (int64_t i = 0; i < count; ++i) in.string(0, kMaxGgufHeader, what);
    return;
  }
  const int64_t bytes = checked_mul(count, kKindBytes[size_t(kind)], what);
  in.take(uint64_t(bytes), what);
}

void read_array(GgufCursor& in, const std::string& what, GgufValue& value) {
  const int64_t begin = in.at();
  value.element = read_kind(in, what);
  if (value.element == GgufKind::kArray)
    fail("{}: {} at byte {}: arrays of arrays are not supported", in.where(), what, begin);
  const bool strings = value.element == GgufKind::kString;
  value.count = read_count(in, what, strings ? 8 : kKindBytes[size_t(value.element)]);
  skip_elements(in, value.element, value.count, what);
}

GgufValue read_value(GgufCursor& in, int64_t index) {
  const int64_t at = in.at();
  const std::string_view key = in.string(1, kMaxKeyBytes, fmt::format("key {}", index));
  for (const char c : key)
    if (c < 0x21 || c > 0x7e)
      fail("{}: key {} at byte {}: expected printable ASCII, got {}", in.where(), index, at,
           in_quotes(key));
  GgufValue value;
  value.key = key;
  const std::string what = "key " + in_quotes(key);
  value.kind = read_kind(in, what);
  value.begin = in.at();
  if (value.kind == GgufKind::kArray)
    read_array(in, what, value);
  else
    skip_elements(in, value.kind, 1, what);
  value.end = in.at();
  return value;
}

/// The value of general.alignment: as in ggml a u32 and a power of two, here also of a sane size.
int64_t read_alignment(const GgufCursor& in, const GgufValue& value) {
  if (value.kind != GgufKind::kU32)
    fail("{}: key 'general.alignment' at byte {}: expected a value of type u32, got {}", in.where(),
         value.begin, name_of(value.kind));
  uint32_t alignment;
  std::memcpy(&alignment, in.again(value.begin), sizeof alignment);
  const bool power_of_two = alignment != 0 && (alignment & (alignment - 1)) == 0;
  if (!power_of_two || alignment < 8 || alignment > kMaxAlignment)
    fail("{}: key 'general.alignment' at byte {}: expected a power of two from 8 to {}, got {}",
         in.where(), value.begin, kMaxAlignment, alignment);
  return alignment;
}

void read_dims(GgufCursor& in, const std::string& what, GgufTensor& tensor) {
  const int64_t begin = in.at();
  const uint32_t n_dims = in.u32(what);
  if (n_dims < 1 || n_dims > 4)
    fail("{}: {} at byte {}: expected 1 to 4 dimensions, got {}", in.where(), what, begin, n_dims);
  for (uint32_t i = 0; i < n_dims; ++i) {
    const int64_t at = in.at();
    const uint64_t dim = in.u64(what);
    if (dim < 1 || dim > uint64_t(INT64_MAX))
      fail("{}: {} at byte {}: expected a dimension from 1 to 2^63 - 1, got {}", in.where(), what,
           at, dim);
    tensor.dims.push_back(int64_t(dim));
  }
}

/// Type and size; the product of the dimensions is known to fit before anyone multiplies again.
void read_type(GgufCursor& in, const std::string& what, GgufTensor& tensor) {
  const int64_t begin = in.at();
  const uint32_t id = in.u32(what);
  tensor.type = find_gguf_type(id);
  if (!tensor.type)
    fail("{}: {} at byte {}: type {} (id {}) is not supported; supported are {}", in.where(), what,
         begin, name_of_gguf_type(id), id, gguf_type_names());
  if (tensor.dims[0] % tensor.type->block_elements != 0)
    fail("{}: {} at byte {}: expected rows of whole {} blocks of {}, got rows of {}", in.where(),
         what, begin, tensor.type->name, tensor.type->block_elements, tensor.dims[0]);
  const std::string place = fmt::format("{}: {} at byte {}", in.where(), what, begin);
  int64_t elements = 1;
  for (const int64_t dim : tensor.dims) elements = checked_mul(elements, dim, place);
  tensor.bytes =
      checked_mul(elements / tensor.type->block_elements, tensor.type->block_bytes, place);
}

GgufTensor read_tensor(GgufCursor& in, int64_t index, int64_t alignment, int64_t& end) {
  GgufTensor tensor;
  const int64_t at = in.at();
  const std::string_view name = in.string(1, kMaxNameBytes, fmt::format("tensor {}: name", index));
  if (name.find('\0') != name.npos)
    fail("{}: tensor {}: name at byte {}: expected no NUL, got {}", in.where(), index, at,
         in_quotes(name));
  tensor.name = name;
  const std::string what = "tensor " + in_quotes(name);
  read_dims(in, what, tensor);
  read_type(in, what, tensor);
  const int64_t offset_at = in.at();
  const uint64_t offset = in.u64(what);
  if (offset != uint64_t(end))
    fail(
        "{}: {} at byte {}: expected offset {} (tensors follow one another, aligned to {}), got {}",
        in.where(), what, offset_at, end, alignment, offset);
  tensor.offset = end;
  const std::string place = fmt::format("{}: {} at byte {}", in.where(), what, offset_at);
  end = checked_add(end, tensor.bytes, place);
  end = checked_add(end, alignment - 1, place) / alignment * alignment;
  return tensor;
}

void check_duplicates(const std::vector<GgufTensor>& tensors, const std::string& where) {
  std::vector<std::string_view> names;
  for (const GgufTensor& t : tensors) names.push_back(t.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) fail("{}: tensor {} is there twice", where, in_quotes(*twice));
}

/// The data must hold every tensor, and may only hold the padding of the last one besides.
void check_data(const std::vector<GgufTensor>& tensors, int64_t data_start, int64_t padded,
                int64_t file_bytes, const std::string& where) {
  const int64_t have = file_bytes - data_start;
  if (have < 0)
    fail("{}: expected data to start at byte {}, got a file of {} bytes: it is truncated", where,
         data_start, file_bytes);
  const int64_t end = tensors.empty() ? 0 : tensors.back().offset + tensors.back().bytes;
  if (have < end)
    fail(
        "{}: tensor {}: expected data up to byte {}, got a file of {} bytes: it is truncated; "
        "download it again",
        where, in_quotes(tensors.back().name), checked_add(data_start, end, where), file_bytes);
  if (have > padded)
    fail(
        "{}: expected the file to end at byte {}, got {} more bytes: something was added to it; "
        "download it again",
        where, data_start + padded, have - padded);
}

}  // namespace

GgufHeader::GgufHeader(const Read& read, int64_t file_bytes, std::string where)
    : where_(std::move(where)) {
  GgufCursor in(read, file_bytes, where_);
  check_version(in);
  const int64_t n_tensors = read_entries(in, "number of tensors", kLeastTensor);
  const int64_t n_values = read_entries(in, "number of key-values", kLeastValue);
  for (int64_t i = 0; i < n_values; ++i) values_.push_back(read_value(in, i));
  index_values();
  for (const GgufValue& value : values_)
    if (value.key == "general.alignment") alignment_ = read_alignment(in, value);
  int64_t end = 0;
  for (int64_t i = 0; i < n_tensors; ++i) tensors_.push_back(read_tensor(in, i, alignment_, end));
  check_duplicates(tensors_, where_);
  data_start_ = round_up(in.at(), alignment_);
  check_data(tensors_, data_start_, end, file_bytes, where_);
  header_ = in.release();
}

void GgufHeader::index_values() {
  by_key_.resize(values_.size());
  std::iota(by_key_.begin(), by_key_.end(), size_t(0));
  std::sort(by_key_.begin(), by_key_.end(),
            [&](size_t a, size_t b) { return values_[a].key < values_[b].key; });
  for (size_t i = 1; i < by_key_.size(); ++i) {
    const GgufValue &first = values_[by_key_[i - 1]], &second = values_[by_key_[i]];
    if (first.key == second.key)
      fail("{}: key {} at byte {}: there twice, also at byte {}", where_, in_quotes(first.key),
           std::max(first.begin, second.begin), std::min(first.begin, second.begin));
  }
}

}  // namespace qwench
