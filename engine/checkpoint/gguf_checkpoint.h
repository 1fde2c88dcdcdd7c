// A model in one GGUF file or in the shards of a split one. Types that the engine computes with are
// kept as they are; all others appear as f32, decoded exactly when they are read.
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/file.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/gguf.h"

namespace qwench {

/// An open GGUF file. Thread-safe.
class GgufFile {
 public:
  /// mmap: map the file instead of reading it (see MappedFile for what that risks).
  GgufFile(const std::string& path, bool mmap);

  const GgufHeader& header() const { return *header_; }
  /// Stored bytes [first, first + bytes) of a tensor of this file. Error when the file has changed.
  void read(const GgufTensor& tensor, int64_t first, int64_t bytes, void* to) const;

 private:
  const File& file() const { return mapped_ ? mapped_->file() : *file_; }

  std::optional<File> file_;
  std::unique_ptr<MappedFile> mapped_;
  std::optional<GgufHeader> header_;
};

class GgufCheckpoint : public Checkpoint {
 public:
  /// path: the file, or the first shard ("NAME-00001-of-00003.gguf"), which opens the rest.
  GgufCheckpoint(const std::string& path, const OpenOptions& options);

  const ModelConfig& config() const override { return config_; }
  const std::string& path() const override { return path_; }
  /// Sorted by Hugging Face name; shapes [out, in].
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  const TensorInfo* find(std::string_view name) const override;
  void read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const override;

  /// Of the (first) file: everything but tensors is there.
  const GgufHeader& header() const { return files_.front().header(); }

 private:
  struct Place {  // where a tensor lives
    std::string name;
    const GgufFile* file = nullptr;
    const GgufTensor* stored = nullptr;
  };
  void open_shards(const OpenOptions& options);
  void add(const GgufFile& file);
  void finish();
  /// Drops what the model does not use; Error unless that changes nothing.
  void drop_unused();

  std::string path_;
  ModelConfig config_;
  std::deque<GgufFile> files_;  // a deque: places_ points into it
  std::vector<Place> places_;   // sorted by name: tensors_ and what was dropped from it
  std::vector<TensorInfo> tensors_;
  std::vector<std::string> notes_;
};

}  // namespace qwench
