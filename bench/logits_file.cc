// safetensors: length of the header (8 bytes, little-endian), JSON header padded to 8 bytes, data.
#include "bench/logits_file.h"

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/json.h"

namespace qwench::bench {

LogitsFile::LogitsFile(const std::string& path, int64_t n_tokens, int64_t vocab)
    : file_(path), n_tokens_(n_tokens), vocab_(vocab) {
  const int64_t bytes = checked_mul(checked_mul(n_tokens, vocab, "logits"), 4, "logits");
  const OrderedJson tensor = {
      {"dtype", "F32"}, {"shape", {n_tokens, vocab}}, {"data_offsets", {int64_t(0), bytes}}};
  std::string header = OrderedJson{{"logits", tensor}}.dump();
  header.resize(size_t(round_up(int64_t(header.size()), 8)), ' ');
  unsigned char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(header.size() >> (8 * i));
  file_.write(length, 8);
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
