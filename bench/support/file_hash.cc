#include "bench/support/file_hash.h"

#include <fmt/format.h>

#include "engine/file.h"
#include "engine/quantize/content_hash.h"

namespace qwench::bench {

std::string file_hash(const std::string& path) {
  constexpr int64_t kMostBytes = int64_t(1) << 30;
  const std::string bytes = read_file(path, kMostBytes);
  ContentHash hash;
  hash.add(bytes.data(), int64_t(bytes.size()));
  return fmt::format("{:016x}", hash.value());
}

}  // namespace qwench::bench
