// Where a write stops short, the file ends where it did.
#include "bench/support/append_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "bench/support/output.h"
#include "engine/base/check.h"
#include "engine/base/file.h"

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

void append_line(int descriptor, std::string_view line, const std::string& path) {
  const off_t end = ::lseek(descriptor, 0, SEEK_END);
  size_t written = 0;
  int error = end < 0 && errno != ESPIPE ? errno : 0;
  while (!error && written < line.size()) {
    const ssize_t n = ::write(descriptor, line.data() + written, line.size() - written);
    if (n > 0) written += size_t(n);
    if (n < 0 && errno != EINTR) error = errno;
    if (n == 0) error = ENOSPC;
  }
  // A pipe or /dev/stdout has nothing to sync.
  if (!error && ::fsync(descriptor) != 0 && errno != EINVAL && errno != EROFS) error = errno;
  if (!error) return;
  if (written && end >= 0 && ::ftruncate(descriptor, end) != 0)
    note(path + ": its last line is incomplete");
  fail("{}: expected to append {} bytes, got: {}", path, line.size(), std::strerror(error));
}

AppendLog::AppendLog(const std::string& path) : path_(path) {
  descriptor_ = open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0)
    fail("{}: expected a file to append to, got: {}", path, std::strerror(errno));
  const off_t size = lseek(descriptor_, 0, SEEK_END);
  char last = '\n';
  if (size > 0 && pread(descriptor_, &last, 1, size - 1) == 1 && last != '\n')
    append_line(descriptor_, "\n", path);
}

AppendLog::~AppendLog() {
  if (descriptor_ >= 0) close(descriptor_);
}

void AppendLog::append(const OrderedJson& document) {
  append_line(descriptor_, to_line(document), path_);
}

}  // namespace qwench::bench
