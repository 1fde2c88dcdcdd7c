// libFuzzer target: any bytes as a reference file (--against). Only Error may come out; rows that
// are accepted must hold the promises that comparing builds on.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bench/accuracy/reference_file.h"
#include "engine/base/check.h"
#include "tests/support/scratch.h"

namespace {

constexpr int64_t kVocab = 8, kPositions = 3, kTop = 2;

const std::string& scratch_path() {
  static const qwench::test::ScratchFolder folder;
  static const std::string path = folder.file("reference");
  return path;
}

/// A file as the writer leaves it: headers are hard to find by mutation, rows are not.
std::string good_file() {
  qwench::bench::ReferenceMeta meta;
  meta.vocab = kVocab;
  meta.window = meta.n_tokens = meta.positions = kPositions;
  qwench::bench::ReferenceWriter writer(scratch_path(), meta, kTop);
  const float logits[kVocab] = {1, 2, 0, -1, 3, 0, 0, 1};
  for (int32_t i = 0; i < kPositions; ++i) writer.add(logits, i - 1);
  writer.close();
  return qwench::read_file(scratch_path(), 1 << 20);
}

void read_all() {
  qwench::bench::ReferenceReader reader(scratch_path());
  const int64_t vocab = reader.meta().vocab;
  if (vocab > 1 << 16) return;
  const std::vector<float> logits(size_t(vocab), 0.5f);
  for (int64_t i = 0; i < reader.meta().positions; ++i) {
    const double kl = qwench::bench::kl_lower_bound(reader.row(i), logits.data(), vocab);
    QWENCH_CHECK(kl >= 0 && std::isfinite(kl));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  static const std::string good = good_file();
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string file = bytes;  // first byte even: the whole file
  if (data[0] % 2 == 1) {    // odd: the good file, its end (rows, then header) overwritten
    file = good;
    const size_t n = std::min(bytes.size(), file.size());
    file.replace(file.size() - n, n, bytes, 0, n);
  }
  qwench::FileWriter writer(scratch_path());
  writer.write(file.data(), int64_t(file.size()));
  writer.close();
  try {
    read_all();
  } catch (const qwench::Error&) {
  }
  return 0;
}
