// Values of a parsed header, asked for by key and type.
#include "engine/checkpoint/gguf.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <functional>
#include <numeric>

#include "engine/base/check.h"
#include "engine/base/file.h"
#include "engine/base/foreign_content.h"
#include "engine/base/json.h"

namespace qwench {
namespace {

constexpr std::array<std::string_view, 13> kKindNames = {
    "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"};

template <class T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

bool is_integer(GgufKind kind) {
  return kind <= GgufKind::kI32 || kind == GgufKind::kU64 || kind == GgufKind::kI64;
}

size_t bytes_of(GgufKind kind) {
  switch (kind) {
    case GgufKind::kU8:
    case GgufKind::kI8: return 1;
    case GgufKind::kU16:
    case GgufKind::kI16: return 2;
    case GgufKind::kU32:
    case GgufKind::kI32: return 4;
    default: return 8;
  }
}

/// A stored integer. A u64 above INT64_MAX becomes INT64_MAX: no range that is asked for goes so far.
int64_t load_integer(GgufKind kind, const char* from) {
  switch (kind) {
    case GgufKind::kU8: return load<uint8_t>(from);
    case GgufKind::kI8: return load<int8_t>(from);
    case GgufKind::kU16: return load<uint16_t>(from);
    case GgufKind::kI16: return load<int16_t>(from);
    case GgufKind::kU32: return load<uint32_t>(from);
    case GgufKind::kI32: return load<int32_t>(from);
    case GgufKind::kU64: return int64_t(std::min(load<uint64_t>(from), uint64_t(INT64_MAX)));
    default: return load<int64_t>(from);
  }
}

/// The decimal number that was meant: 0.7 where the file holds the float nearest to it, so that a
/// value is the same here and in config.json.
double as_written(float value) {
  if (!(value > -1e30f && value < 1e30f)) return value;
  return Json::parse(fmt::format("{}", value)).get<double>();
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = char(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

bool is_gguf_name(std::string_view name) {
  constexpr std::string_view kEnd = ".gguf";
  return name.size() > kEnd.size() && lower_case(name.substr(name.size() - kEnd.size())) == kEnd;
}

bool is_mmproj_name(std::string_view name) {
  return is_gguf_name(name) && lower_case(name).find("mmproj") != std::string::npos;
}

std::string_view name_of(GgufKind kind) { return kKindNames[size_t(kind)]; }

int64_t GgufTensor::elements() const {
  return std::accumulate(dims.begin(), dims.end(), int64_t(1), std::multiplies<int64_t>());
}

const GgufValue* GgufHeader::find(std::string_view key) const {
  const auto found = std::lower_bound(
      by_key_.begin(), by_key_.end(), key,
      [&](size_t index, std::string_view wanted) { return values_[index].key < wanted; });
  return found != by_key_.end() && values_[*found].key == key ? &values_[*found] : nullptr;
}

std::string_view GgufHeader::bytes(const GgufValue& value) const {
  return std::string_view(header_).substr(size_t(value.begin), size_t(value.end - value.begin));
}

std::string GgufHeader::place(const GgufValue& value) const {
  return fmt::format("{}: key {} at byte {}", where_, in_quotes(value.key), value.begin);
}

const GgufValue& GgufHeader::require(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value)
    fail("{}: key {} is missing; convert the model again with a current converter", where_,
         in_quotes(key));
  return *value;
}

const GgufValue& GgufHeader::require_array(std::string_view key) const {
  const GgufValue& value = require(key);
  if (value.kind != GgufKind::kArray)
    fail("{}: expected an array, got a value of type {}", place(value), name_of(value.kind));
  return value;
}

int64_t GgufHeader::integer(std::string_view key, int64_t min, int64_t max) const {
  const GgufValue& value = require(key);
  if (!is_integer(value.kind))
    fail("{}: expected an integer, got a value of type {}", place(value), name_of(value.kind));
  const int64_t number = load_integer(value.kind, bytes(value).data());
  if (number < min || number > max)
    fail("{}: expected an integer from {} to {}, got {}{}", place(value), min, max, number,
         number == INT64_MAX ? " or more" : "");
  return number;
}

double GgufHeader::number(std::string_view key, double min, double max) const {
  const GgufValue& value = require(key);
  double number = 0;
  if (is_integer(value.kind))
    number = double(load_integer(value.kind, bytes(value).data()));
  else if (value.kind == GgufKind::kF32)
    number = as_written(load<float>(bytes(value).data()));
  else if (value.kind == GgufKind::kF64)
    number = load<double>(bytes(value).data());
  else
    fail("{}: expected a number, got a value of type {}", place(value), name_of(value.kind));
  if (!(number >= min && number <= max))  // written so that a NaN fails
    fail("{}: expected a number from {} to {}, got {}", place(value), min, max, number);
  return number;
}

bool GgufHeader::boolean(std::string_view key) const {
  const GgufValue& value = require(key);
  if (value.kind != GgufKind::kBool)
    fail("{}: expected a bool, got a value of type {}", place(value), name_of(value.kind));
  return bytes(value)[0] != 0;
}

std::string_view GgufHeader::string(std::string_view key) const {
  const GgufValue& value = require(key);
  if (value.kind != GgufKind::kString)
    fail("{}: expected a string, got a value of type {}", place(value), name_of(value.kind));
  return bytes(value).substr(8);
}

std::vector<std::string_view> GgufHeader::strings(std::string_view key) const {
  const GgufValue& value = require_array(key);
  if (value.element != GgufKind::kString)
    fail("{}: expected an array of strings, got one of {}", place(value), name_of(value.element));
  std::vector<std::string_view> out;
  out.reserve(size_t(value.count));
  std::string_view left = bytes(value).substr(12);  // after element type and count
  for (int64_t i = 0; i < value.count; ++i) {
    const size_t length = size_t(load<uint64_t>(left.data()));
    out.push_back(left.substr(8, length));
    left.remove_prefix(8 + length);
  }
  return out;
}

std::vector<int64_t> GgufHeader::integers(std::string_view key, int64_t min, int64_t max) const {
  const GgufValue& value = require_array(key);
  if (!is_integer(value.element))
    fail("{}: expected an array of integers, got one of {}", place(value), name_of(value.element));
  std::vector<int64_t> out;
  out.reserve(size_t(value.count));
  const size_t size = bytes_of(value.element);
  const char* from = bytes(value).data() + 12;
  for (int64_t i = 0; i < value.count; ++i, from += size) {
    out.push_back(load_integer(value.element, from));
    if (out.back() < min || out.back() > max)
      fail("{}: element {}: expected an integer from {} to {}, got {}", place(value), i, min, max,
           out.back());
  }
  return out;
}

int64_t GgufHeader::integer_or(std::string_view key, int64_t fallback, int64_t min,
                               int64_t max) const {
  return find(key) ? integer(key, min, max) : fallback;
}

double GgufHeader::number_or(std::string_view key, double fallback, double min, double max) const {
  return find(key) ? number(key, min, max) : fallback;
}

GgufHeader read_gguf_header(const std::string& path) {
  const File file(path);
  refuse_foreign(file, "a GGUF file");
  const auto read = [&](int64_t offset, int64_t bytes, char* to) {
    file.read_at(offset, bytes, to);
  };
  GgufHeader header(read, file.size(), path);
  file.check_unchanged();
  return header;
}

bool is_gguf_file(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  if (is_gguf_name(path)) return true;
  try {
    const File file(path);
    char magic[4];
    if (file.size() < 4) return false;
    file.read_at(0, 4, magic);
    return std::memcmp(magic, "GGUF", 4) == 0;
  } catch (const Error&) {  // what cannot be read is not taken for one; opening it says why
    return false;
  }
}

}  // namespace qwench
