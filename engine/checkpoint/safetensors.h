// The safetensors format: a length, a JSON header, then data. The header is believed only when its
// tensors tile the data exactly: from byte 0, without hole or overlap, to the last byte.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/file.h"
#include "engine/checkpoint/checkpoint.h"

namespace qwench {

/// One entry of a header. Any dtype of the format is accepted here; what cannot be computed with is
/// refused when it is asked for.
struct StoredTensor {
  std::string name;
  std::string dtype;           // as written: "BF16"
  std::vector<int64_t> shape;  // up to 8 dimensions
  int64_t begin = 0, end = 0;  // bytes from the start of the data

  /// As the engine's type; Error naming the tensor when it is not F32, F16, BF16 or I32, or has
  /// more than 4 dimensions.
  TensorInfo info(const std::string& where) const;
};

/// `__metadata__`: any words the writer wanted to keep beside the tensors.
using SafetensorsMetadata = std::map<std::string, std::string>;

/// Entries sorted by name. Error (prefixed with `where`) on anything the format forbids. The
/// metadata goes to `metadata` unless that is null.
std::vector<StoredTensor> parse_safetensors_header(std::string_view header_bytes,
                                                   int64_t data_bytes, const std::string& where,
                                                   SafetensorsMetadata* metadata = nullptr);

/// An open safetensors file. Thread-safe.
class SafetensorsFile {
 public:
  /// mmap: map the file instead of reading it (see MappedFile for what that risks).
  explicit SafetensorsFile(const std::string& path, bool mmap = false);

  const std::string& path() const;
  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  const SafetensorsMetadata& metadata() const { return metadata_; }
  /// Null when absent.
  const StoredTensor* find(std::string_view name) const;
  /// Bytes [first, first + bytes) of a tensor of this file. Error when the file has changed.
  void read(const StoredTensor& tensor, int64_t first, int64_t bytes, void* to) const;

 private:
  const File& file() const { return mapped_ ? mapped_->file() : *file_; }

  std::optional<File> file_;
  std::unique_ptr<MappedFile> mapped_;
  std::vector<StoredTensor> tensors_;
  SafetensorsMetadata metadata_;
  int64_t data_start_ = 0;
};

/// The first bytes of a file that holds these tensors one after the other: the header's length, then
/// the header, padded so that the data starts 8-byte aligned. Error when the sizes exceed 64 bits.
/// Bytes of the metadata that are not UTF-8 become U+FFFD. Contract: names are distinct.
std::string safetensors_header(const std::vector<TensorInfo>& tensors,
                               const SafetensorsMetadata& metadata = {});

/// A tensor to write: its description and its elements, row-major.
struct TensorToWrite {
  TensorInfo info;
  const void* data = nullptr;
};

/// Writes a temporary file beside `path` and renames it into place: never half a file. Matrices of
/// quantised types are written as what they are to others, bytes: U8 [out, bytes of a row].
void write_safetensors(const std::string& path, const std::vector<TensorToWrite>& tensors);

}  // namespace qwench
