// Writes a GGUF file that llama.cpp and this program read: one tensor, or a part of one, in memory at
// a time, and nothing under the final name until all of it is there.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/file.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/gguf_keys.h"

namespace qwench {

/// The keys of an architecture. Error when a field has no key (YaRN without rounding of its ramp).
GgufKeys gguf_config_keys(const ModelConfig& config);

class GgufWriter {
 public:
  /// text: tokenizer, chat template, sampling, names (gguf_text_keys in engine/text/save_gguf.h).
  GgufWriter(const std::string& path, const ModelConfig& config, const GgufKeys& text);

  /// Announces a tensor by its Hugging Face name; all of them before the first write(). Vectors must
  /// be f32 (as peers expect). Error when GGUF has no such tensor or no such type (q4g).
  void add(const TensorInfo& tensor);

  /// The next bytes of a tensor, in the order of add(); called again for the rest of a large one.
  /// `bytes`: to the end of the tensor at most.
  void write(std::string_view name, const void* data, int64_t bytes);

  /// After every tensor is complete.
  void close();

 private:
  struct Entry {
    std::string name;  // Hugging Face's
    std::string gguf_name;
    uint32_t type = 0;
    Shape shape;
    DType dtype = DType::kF32;
    int64_t bytes = 0;
  };
  void write_header();
  void finish_tensor();

  std::string path_;
  FileWriter file_;
  GgufKeys keys_;
  std::vector<Entry> entries_;
  size_t current_ = 0;    // entry that is being written
  int64_t written_ = 0;   // bytes of it
  bool started_ = false;  // the header is out
};

}  // namespace qwench
