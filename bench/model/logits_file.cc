// The header first, then the rows as they come.
#include "bench/model/logits_file.h"

#include "engine/base/check.h"
#include "engine/base/checked.h"
#include "engine/checkpoint/safetensors.h"

namespace qwench::bench {

LogitsFile::LogitsFile(const std::string& path, int64_t n_tokens, int64_t vocab)
    : file_(path), n_tokens_(n_tokens), vocab_(vocab) {
  checked_mul(checked_mul(n_tokens, vocab, "logits"), 4, "logits");
  const std::string header = safetensors_header({{"logits", DType::kF32, {n_tokens, vocab}}});
  file_.write(header.data(), int64_t(header.size()));
}

void LogitsFile::append(int64_t first, int64_t n, const float* logits) {
  QWENCH_CHECK(first == written_ && n > 0 && written_ + n <= n_tokens_);
  file_.write(logits, n * vocab_ * 4);
  written_ += n;
}

void LogitsFile::close() {
  QWENCH_CHECK(written_ == n_tokens_);
  file_.close();
}

}  // namespace qwench::bench
