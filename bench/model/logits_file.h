// All prompt logits as a safetensors file: one tensor, `logits` F32 [n_tokens, vocab], written
// chunk by chunk, so that memory does not grow with the prompt.
#pragma once
#include <cstdint>
#include <string>

#include "engine/base/file.h"

namespace qwench::bench {

class LogitsFile {
 public:
  /// Error when the file cannot be made. Nothing is under its name until close().
  LogitsFile(const std::string& path, int64_t n_tokens, int64_t vocab);

  /// The logits of the tokens first..first+n-1; contract: in order, without gaps.
  void append(int64_t first, int64_t n, const float* logits);
  /// Contract: all n_tokens were appended.
  void close();

 private:
  FileWriter file_;
  int64_t n_tokens_, vocab_, written_ = 0;
};

}  // namespace qwench::bench
