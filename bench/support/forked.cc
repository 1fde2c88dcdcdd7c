// One pipe carries what is said; one byte at the end of it says that the work was done.
#include "bench/support/forked.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>

#include "bench/support/interrupt.h"
#include "cpu/cpu_backend.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

constexpr char kDone = '\x06';  // ASCII for "acknowledge"
constexpr const char kPrefix[] = "error: ";

/// Never returns to the program that was copied.
[[noreturn]] void run_in_child(const std::function<void()>& work, int pipe) {
  const int nowhere = ::open("/dev/null", O_WRONLY);
  ::dup2(nowhere, STDOUT_FILENO);
  ::dup2(pipe, STDERR_FILENO);
  cpu::set_last_words(nullptr, 0);  // those of the program that was copied are its own
  std::string said(1, kDone);
  try {
    work();
  } catch (const std::exception& error) {
    said = std::string(kPrefix) + error.what() + "\n";
  }
  const ssize_t put = ::write(pipe, said.data(), said.size());
  ::_exit(put == ssize_t(said.size()) && said[0] == kDone ? 0 : 1);
}

/// All that the child said; less when interrupted, and then the child is ended.
std::string read_until_end(int pipe, pid_t child) {
  std::string said;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(pipe, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) {
      if (interrupted()) ::kill(child, SIGKILL);
      continue;
    }
    if (got <= 0) return said;
    said.append(buffer, size_t(got));
  }
}

std::string end_of(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("ended by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return fmt::format("ended the program with exit code {}", WEXITSTATUS(status));
}

}  // namespace

std::string fault_of(const std::function<void()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) fail("expected a pipe, got: {}", std::strerror(errno));
  const pid_t child = ::fork();
  if (child < 0) fail("expected a process, got: {}", std::strerror(errno));
  if (child == 0) run_in_child(work, ends[1]);
  ::close(ends[1]);
  const std::string said = read_until_end(ends[0], child);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!said.empty() && said.back() == kDone) return {};
  if (interrupted()) return "interrupted";
  const size_t begin = said.rfind(kPrefix);
  if (begin == std::string::npos) return end_of(status);
  const size_t text = begin + sizeof kPrefix - 1;
  return said.substr(text, said.find('\n', text) - text);
}

}  // namespace qwench::bench
