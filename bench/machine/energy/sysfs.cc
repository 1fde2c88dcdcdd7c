// One read() a file: the kernel makes the text anew at each.
#include "bench/machine/energy/sysfs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "engine/base/json.h"

namespace qwench::bench {

int Sysfs::read(const std::string& full_path, std::string& to) const {
  // O_NONBLOCK: a pipe in the place of a file must not stop the program.
  const int descriptor = ::open(full_path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return errno;
  char buffer[4096];
  ssize_t n = 0;
  do n = ::read(descriptor, buffer, sizeof buffer);
  while (n < 0 && errno == EINTR);
  const int error = n < 0 ? errno : 0;
  ::close(descriptor);
  to.assign(buffer, n > 0 ? size_t(n) : 0);
  return error;
}

SysfsText Sysfs::text(const std::string& path) const {
  SysfsText result;
  std::string text;
  result.error = read(full(path), text);
  if (result.error) {
    result.problem = full(path) + ": " + std::strerror(result.error);
    return result;
  }
  constexpr const char* kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks), last = text.find_last_not_of(kBlanks);
  result.text = first == std::string::npos ? "" : text.substr(first, last - first + 1);
  return result;
}

SysfsNumber Sysfs::number(const std::string& path) const {
  const SysfsText read = text(path);
  if (!read.text) return {std::nullopt, read.error, read.problem};
  int64_t value = 0;
  const char* const end = read.text->data() + read.text->size();
  const auto [stop, error] = std::from_chars(read.text->data(), end, value);
  if (error == std::errc() && stop == end) return {value, 0, ""};
  return {std::nullopt, EINVAL,
          fmt::format("{}: expected an integer, got {}", full(path), in_quotes(*read.text))};
}

std::vector<std::string> Sysfs::list(const std::string& path) const {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator at(full(path), error), end;
  for (; !error && at != end; at.increment(error)) names.push_back(at->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace qwench::bench
