// read(2) and not std::cin: a broken pipe is an Error, and nothing stays in a buffer.
#include "bench/model/prompt_text.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/base/check.h"
#include "engine/base/file.h"
#include "engine/text/utf8.h"

namespace qwench::bench {

namespace {
constexpr size_t kMostBytes = size_t(1) << 28;  // as much as the tokenizer takes
}

std::string read_stdin() {
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (n == 0) return text;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("stdin: expected text, got: {}", std::strerror(errno));
    text.append(buffer, size_t(n));
    if (text.size() > kMostBytes)
      fail("stdin: expected at most {} bytes, got more; split the text", kMostBytes);
  }
}

bool stdin_is_fed() {
  struct stat status {};
  if (::fstat(STDIN_FILENO, &status) != 0) return false;
  return S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || S_ISREG(status.st_mode);
}

std::string text_in(const std::string& file) {
  const bool piped = file == "-";
  std::string text = text_of_file(piped ? read_stdin() : read_file(file, int64_t(kMostBytes)),
                                  piped ? "stdin" : file);
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace qwench::bench
