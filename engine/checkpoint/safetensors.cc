// Reading and writing safetensors. Source of the rules: huggingface/safetensors, README and
// safetensors/src/tensor.rs; cases S01-S15 of the project's catalogue are its tests.
#include "engine/checkpoint/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/base/check.h"
#include "engine/base/checked.h"
#include "engine/base/foreign_content.h"
#include "engine/base/json.h"

namespace qwench {
namespace {

constexpr int64_t kMaxHeaderBytes = 100'000'000;  // as the reference implementation has it
// {name: {"shape": [..]}}: three levels are all the format has
constexpr JsonLimits kHeaderLimits{kMaxHeaderBytes, 3, 1 << 16};
constexpr size_t kMaxRank = 8;
constexpr size_t kMaxTensors = 1 << 18;  // of a file; the largest models have less in all files

struct KnownType {
  std::string_view name;
  int bits;
};
constexpr std::array<KnownType, 22> kKnownTypes = {{
    {"BOOL", 8}, {"F4", 4},          {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},   {"F8_E5M2", 8},     {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"I16", 16}, {"F8_E5M2FNUZ", 8}, {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32}, {"U32", 32},        {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64}, {"U64", 64},
}};

int bits_of(std::string_view dtype, const std::string& where) {
  for (const KnownType& known : kKnownTypes)
    if (known.name == dtype) return known.bits;
  fail("{}: expected a dtype of the safetensors format (F32, F16, BF16, ...), got {}", where,
       in_quotes(dtype));
}

const Json& array_at(const Json& entry, const char* key, const std::string& where) {
  const auto found = entry.find(key);
  if (found == entry.end()) fail("{}: '{}' is missing", where, key);
  if (!found->is_array()) fail("{}: {}: expected an array, got {}", where, key, describe(*found));
  return *found;
}

/// Bytes that a tensor of this type and shape takes.
int64_t bytes_of(const StoredTensor& t, const std::string& where) {
  int64_t bits = bits_of(t.dtype, where);
  for (const int64_t dim : t.shape) bits = checked_mul(bits, dim, where);
  if (bits % 8 != 0) fail("{}: {} bits of {} do not fill whole bytes", where, bits, t.dtype);
  return bits / 8;
}

StoredTensor parse_entry(const std::string& name, const Json& entry, const std::string& file) {
  const std::string where = fmt::format("{}: tensor {}", file, in_quotes(name));
  if (!entry.is_object()) fail("{}: expected an object, got {}", where, describe(entry));
  StoredTensor t;
  t.name = name;
  t.dtype = read_string(entry, "dtype", where);
  const Json& shape = array_at(entry, "shape", where);
  if (shape.size() > kMaxRank)
    fail("{}: expected at most {} dimensions, got {}", where, kMaxRank, shape.size());
  for (const Json& dim : shape) t.shape.push_back(as_int(dim, "shape", 0, INT64_MAX, where));
  const Json& offsets = array_at(entry, "data_offsets", where);
  if (offsets.size() != 2) fail("{}: expected 2 data_offsets, got {}", where, offsets.size());
  t.begin = as_int(offsets[0], "data_offsets", 0, INT64_MAX, where);
  t.end = as_int(offsets[1], "data_offsets", 0, INT64_MAX, where);
  if (t.begin > t.end)
    fail("{}: data_offsets: expected begin <= end, got [{}, {}]", where, t.begin, t.end);
  const int64_t bytes = bytes_of(t, where);
  if (bytes != t.end - t.begin)
    fail("{}: expected {} bytes for its dtype and shape, got data_offsets of {} bytes", where,
         bytes, t.end - t.begin);
  return t;
}

/// Strings, or null where there is none.
SafetensorsMetadata read_metadata(const Json& metadata, const std::string& where) {
  if (metadata.is_null()) return {};
  if (!metadata.is_object())
    fail("{}: __metadata__: expected an object of strings, got {}", where, describe(metadata));
  for (const auto& [key, value] : metadata.items())
    if (!value.is_string())
      fail("{}: __metadata__ {}: expected a string, got {}", where, in_quotes(key),
           describe(value));
  return metadata.get<SafetensorsMetadata>();
}

/// Sorts by name. Error when two have the same.
void sort_by_name(std::vector<StoredTensor>& tensors, const std::string& where) {
  std::sort(tensors.begin(), tensors.end(),
            [](const StoredTensor& a, const StoredTensor& b) { return a.name < b.name; });
  const auto twice = std::adjacent_find(
      tensors.begin(), tensors.end(),
      [](const StoredTensor& a, const StoredTensor& b) { return a.name == b.name; });
  if (twice != tensors.end())
    fail("{}: key {} appears twice in one object", where, in_quotes(twice->name));
}

/// An empty tensor may lie at any boundary; everything else must follow its predecessor directly.
void check_tiling(const std::vector<StoredTensor>& tensors, int64_t data_bytes,
                  const std::string& where) {
  std::vector<const StoredTensor*> order;
  for (const StoredTensor& t : tensors) order.push_back(&t);
  std::sort(order.begin(), order.end(), [](const StoredTensor* a, const StoredTensor* b) {
    return a->begin != b->begin ? a->begin < b->begin : a->end < b->end;
  });
  int64_t end = 0;
  for (const StoredTensor* t : order) {
    if (t->begin != end)
      fail("{}: tensor {}: expected data to begin at byte {}, got {}: {}", where,
           in_quotes(t->name), end, t->begin,
           t->begin < end ? "it overlaps another tensor" : "there is a hole before it");
    end = t->end;
  }
  if (end != data_bytes)
    fail("{}: expected {} bytes of data as the header says, got {}: the file {}; download it again",
         where, end, data_bytes, end > data_bytes ? "is truncated" : "has extra bytes");
}

/// "BF16": how the format writes one of the engine's types.
std::string_view format_name(DType dtype) {
  switch (dtype) {
    case DType::kF32: return "F32";
    case DType::kF16: return "F16";
    case DType::kBF16: return "BF16";
    case DType::kI32: return "I32";
    default: return "U8";  // rows of blocks, as bytes
  }
}

}  // namespace

TensorInfo StoredTensor::info(const std::string& where) const {
  if (shape.size() > 4)
    fail("tensor {}: expected at most 4 dimensions, got {} ({})", in_quotes(name), shape.size(),
         where);
  TensorInfo out;
  out.name = name;
  for (const int64_t dim : shape) out.shape.dim[size_t(out.shape.rank++)] = dim;
  for (const DType known : {DType::kF32, DType::kF16, DType::kBF16, DType::kI32})
    if (dtype == format_name(known)) {
      out.dtype = known;
      return out;
    }
  fail("tensor {}: expected dtype F32, F16 or BF16, got {} ({})", in_quotes(name), dtype, where);
}

std::vector<StoredTensor> parse_safetensors_header(std::string_view header_bytes,
                                                   int64_t data_bytes, const std::string& where,
                                                   SafetensorsMetadata* metadata) {
  if (header_bytes.empty() || header_bytes[0] != '{')
    fail(
        "{}: expected a safetensors header that starts with '{{'; the file is not safetensors or "
        "is damaged",
        where);
  std::vector<StoredTensor> tensors;
  bool has_metadata = false;
  parse_json_members(header_bytes, where, kHeaderLimits, [&](std::string name, const Json& entry) {
    if (name != "__metadata__") {
      if (tensors.size() == kMaxTensors)
        fail("{}: expected at most {} tensors, got more", where, kMaxTensors);
      tensors.push_back(parse_entry(name, entry, where));
      return;
    }
    if (std::exchange(has_metadata, true)) fail("{}: key '__metadata__' appears twice", where);
    SafetensorsMetadata words = read_metadata(entry, where);
    if (metadata) *metadata = std::move(words);
  });
  sort_by_name(tensors, where);
  check_tiling(tensors, data_bytes, where);
  return tensors;
}

SafetensorsFile::SafetensorsFile(const std::string& path, bool mmap) {
  if (mmap)
    mapped_ = std::make_unique<MappedFile>(path);
  else
    file_.emplace(path);
  const int64_t size = file().size();
  if (size < 8)
    fail("{}: expected a safetensors file, got {} bytes: it is truncated; download it again", path,
         size);
  refuse_foreign(file(), "a safetensors file");
  std::array<uint8_t, 8> raw;
  file().read_at(0, 8, raw.data());
  uint64_t length = 0;
  for (size_t i = 0; i < 8; ++i) length |= uint64_t(raw[i]) << (8 * i);
  if (length > uint64_t(kMaxHeaderBytes))
    fail("{}: expected a header of at most {} bytes, got {}: not a safetensors file", path,
         kMaxHeaderBytes, length);
  if (int64_t(length) > size - 8)
    fail("{}: expected a header of {} bytes, got a file of {}: it is truncated; download it again",
         path, length, size);
  std::string header(size_t(length), '\0');
  file().read_at(8, int64_t(length), header.data());
  data_start_ = 8 + int64_t(length);
  tensors_ = parse_safetensors_header(header, size - data_start_, path, &metadata_);
}

const std::string& SafetensorsFile::path() const { return file().path(); }

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const StoredTensor& t, std::string_view n) { return t.name < n; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

void SafetensorsFile::read(const StoredTensor& tensor, int64_t first, int64_t bytes,
                           void* to) const {
  QWENCH_CHECK(first >= 0 && bytes >= 0 && first <= tensor.end - tensor.begin);
  QWENCH_CHECK(bytes <= tensor.end - tensor.begin - first);
  if (bytes == 0) return;
  const int64_t offset = data_start_ + tensor.begin + first;
  if (mapped_)
    std::memcpy(to, mapped_->at(offset, bytes), size_t(bytes));
  else
    file().read_at(offset, bytes, to);
  file().check_unchanged();  // after the copy: what was copied is what was opened
}

std::string safetensors_header(const std::vector<TensorInfo>& tensors,
                               const SafetensorsMetadata& metadata) {
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  int64_t end = 0;
  for (const TensorInfo& t : tensors) {
    QWENCH_CHECK(!header.contains(t.name));
    const int64_t begin = std::exchange(end, checked_add(end, t.bytes(), t.name));
    OrderedJson shape = OrderedJson::array();
    for (int i = 0; i < t.shape.rank; ++i) shape.push_back(t.shape[i]);
    if (is_quantized(t.dtype)) shape.back() = row_bytes(t.dtype, t.cols());
    header[t.name] = {
        {"dtype", format_name(t.dtype)}, {"shape", shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  text.resize(size_t(round_up(int64_t(text.size()), 8)), ' ');
  std::string length;
  for (size_t i = 0; i < 8; ++i) length += char(uint8_t(uint64_t(text.size()) >> (8 * i)));
  return length + text;
}

void write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors) {
  std::vector<TensorInfo> infos;
  for (const TensorToWrite& t : tensors) infos.push_back(t.info);
  const std::string header = safetensors_header(infos);
  FileWriter file(path);
  file.write(header.data(), int64_t(header.size()));
  for (const TensorToWrite& t : tensors) file.write(t.data, t.info.bytes());
  file.close();
}

}  // namespace qwench
