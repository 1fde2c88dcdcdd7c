// The container of GGUF files, versions 2 and 3: typed key-values, tensor infos, then data. A header
// is believed only when every count, length, type and offset in it fits the file, and its tensors
// tile the data in order, each padded to the alignment.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/gguf_types.h"

namespace qwench {

/// Types of values, as stored.
enum class GgufKind : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

/// "u8" ... "string", "array".
std::string_view name_of(GgufKind kind);

/// One key-value. The bytes stay in the header; this says where.
struct GgufValue {
  std::string key;
  GgufKind kind = GgufKind::kU8;
  GgufKind element = GgufKind::kU8;  // of an array
  int64_t count = 1;                 // elements of an array
  int64_t begin = 0, end = 0;        // bytes of the value in the file, length prefixes included
};

struct GgufTensor {
  std::string name;
  const GgufType* type = nullptr;  // never null
  std::vector<int64_t> dims;       // 1 to 4; dims[0] runs fastest: it is the row length
  int64_t offset = 0, bytes = 0;   // from the start of the data

  int64_t elements() const;
};

constexpr int64_t kMaxGgufHeader = 64 << 20;  // the largest tokenizer so far takes 11 MB
constexpr int64_t kGgufAlignment = 32;        // where general.alignment does not say otherwise

/// A parsed header. Immutable; thread-safe.
class GgufHeader {
 public:
  /// Copies the bytes [offset, offset + bytes) of the file; both are within it.
  using Read = std::function<void(int64_t offset, int64_t bytes, char* to)>;

  /// Reads no more than the header. Error (prefixed with `where`, naming field and byte) on
  /// anything the format forbids. file_bytes: size of the whole file.
  GgufHeader(const Read& read, int64_t file_bytes, std::string where);

  const std::string& where() const { return where_; }
  const std::vector<GgufValue>& values() const { return values_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // in file order
  int64_t data_start() const { return data_start_; }                   // from the start of the file
  int64_t alignment() const { return alignment_; }

  /// Null when absent.
  const GgufValue* find(std::string_view key) const;
  /// The stored bytes of a value.
  std::string_view bytes(const GgufValue& value) const;

  // Values by key. Error naming key and byte when absent, of another type or out of range.
  int64_t integer(std::string_view key, int64_t min, int64_t max) const;  // any integer type
  double number(std::string_view key, double min, double max) const;      // any number
  bool boolean(std::string_view key) const;
  std::string_view string(std::string_view key) const;
  /// An array of strings. The views point into the header.
  std::vector<std::string_view> strings(std::string_view key) const;
  /// An array of integers of any type, each in [min, max].
  std::vector<int64_t> integers(std::string_view key, int64_t min, int64_t max) const;

  // The same with a fallback for an absent key.
  int64_t integer_or(std::string_view key, int64_t fallback, int64_t min, int64_t max) const;
  double number_or(std::string_view key, double fallback, double min, double max) const;

  /// `FILE: key 'KEY' at byte N`, the start of a message.
  std::string place(const GgufValue& value) const;

 private:
  void index_values();
  const GgufValue& require(std::string_view key) const;
  const GgufValue& require_array(std::string_view key) const;

  std::string where_, header_;     // the file up to the end of the tensor infos
  std::vector<GgufValue> values_;  // in file order
  std::vector<size_t> by_key_;     // indices of values_, sorted by key
  std::vector<GgufTensor> tensors_;
  int64_t data_start_ = 0, alignment_ = kGgufAlignment;
};

/// Opens a file just for its header.
GgufHeader read_gguf_header(const std::string& path);

/// True for a name that ends in .gguf, in any case.
bool is_gguf_name(std::string_view name);
/// True for a GGUF file that is called the vision part of a model ("mmproj-model-f16.gguf").
bool is_mmproj_name(std::string_view name);

/// True for a regular file that is called *.gguf or begins with the magic of GGUF.
bool is_gguf_file(const std::string& path);

}  // namespace qwench
