#include "bench/support/file_hash.h"

#include <fmt/format.h>

#include "engine/base/content_hash.h"
#include "engine/base/file.h"

namespace qwench::bench {

std::string text_hash(std::string_view bytes) {
  ContentHash hash;
  hash.add(bytes.data(), int64_t(bytes.size()));
  return fmt::format("{:016x}", hash.value());
}

std::string file_hash(const std::string& path) {
  constexpr int64_t kMostBytes = int64_t(1) << 30;
  return text_hash(read_file(path, kMostBytes));
}

}  // namespace qwench::bench
