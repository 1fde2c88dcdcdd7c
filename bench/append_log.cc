// A line is one write and one sync.
#include "bench/append_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "bench/output.h"
#include "engine/check.h"
#include "engine/file.h"

namespace qwench::bench {

namespace {
constexpr int64_t kMostBytes = int64_t(1) << 30;
}

std::vector<Json> read_append_log(const std::string& path) {
  std::vector<Json> documents;
  if (!std::filesystem::exists(path)) return documents;
  const std::string text = read_file(path, kMostBytes);
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1, ++number;
    if (line.empty()) continue;
    try {
      documents.push_back(parse_json(line, fmt::format("{}:{}", path, number)));
    } catch (const Error& error) {
      note(fmt::format("note: left out: {}", error.what()));
    }
  }
  return documents;
}

AppendLog::AppendLog(const std::string& path) : path_(path) {
  descriptor_ = open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0)
    fail("{}: expected a file to append to, got: {}", path, std::strerror(errno));
  const off_t size = lseek(descriptor_, 0, SEEK_END);
  char last = '\n';
  if (size > 0 && pread(descriptor_, &last, 1, size - 1) == 1 && last != '\n') write("\n");
}

AppendLog::~AppendLog() {
  if (descriptor_ >= 0) close(descriptor_);
}

void AppendLog::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0)
      fail("{}: expected to append a line, got: {}; the lines before it are whole", path_,
           std::strerror(errno));
    text.remove_prefix(size_t(written));
  }
}

void AppendLog::append(const OrderedJson& document) {
  write(to_line(document));
  // A pipe or /dev/stdout has nothing to sync.
  if (fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS)
    fail("{}: expected to sync the file, got: {}", path_, std::strerror(errno));
}

}  // namespace qwench::bench
