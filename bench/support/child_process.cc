// posix_spawn, one pipe (stdout) and a deadline.
#include "bench/support/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "bench/support/output.h"
#include "engine/base/check.h"
#include "engine/base/json.h"

extern char** environ;  // POSIX leaves the declaration to the program

namespace qwench::bench {

namespace {

constexpr size_t kMaxErrors = 4096;

/// A descriptor that is closed with its scope and never inherited.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {
    if (value_ >= 0) ::fcntl(value_, F_SETFD, FD_CLOEXEC);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  int get() const { return value_; }
  void close() {
    if (value_ >= 0) ::close(value_);
    value_ = -1;
  }

 private:
  int value_;
};

/// A file without a name that holds `text`, at its beginning.
int unnamed_file(const std::string& text) {
  const char* folder = std::getenv("TMPDIR");
  std::string path = std::string(folder && *folder ? folder : "/tmp") + "/qwench-child-XXXXXX";
  const int file = ::mkstemp(path.data());
  if (file < 0) fail("{}: expected a temporary file, got: {}", path, std::strerror(errno));
  ::unlink(path.c_str());
  for (size_t done = 0; done < text.size();) {
    const ssize_t put = ::write(file, text.data() + done, text.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      const std::string reason = std::strerror(errno);
      ::close(file);
      fail("{}: expected to write {} bytes, got: {}", path, text.size(), reason);
    }
    done += size_t(put);
  }
  ::lseek(file, 0, SEEK_SET);
  return file;
}

/// 0, or errno. In our process group: Ctrl-C ends it too.
int spawn(const ChildSpec& spec, int input, int output, int errors, pid_t& child) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGINT);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> words = spec.arguments;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int error =
      ::posix_spawnp(&child, arguments[0], &files, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  return error;
}

/// Reads until the output ends, is too long, or the time is over.
void collect(int output, const ChildSpec& spec, int64_t deadline_ns, ChildResult& result) {
  char buffer[65536];
  for (;;) {
    const int64_t left_ms = (deadline_ns - now_ns()) / 1'000'000;
    pollfd wait{output, POLLIN, 0};
    const int ready = left_ms > 0 ? ::poll(&wait, 1, int(left_ms)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      result.timed_out = true;
      return;
    }
    const ssize_t got = ::read(output, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    result.output.append(buffer, size_t(got));
    result.too_long = result.output.size() > spec.max_output;
    if (result.too_long) return;
  }
}

/// It may have closed its output and go on: then it has the rest of the time.
void wait_for_end(pid_t child, int64_t deadline_ns, ChildResult& result) {
  if (result.too_long || result.timed_out) ::kill(child, SIGKILL);
  int status = 0;
  for (;;) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child || (ended < 0 && errno != EINTR)) break;
    if (!result.timed_out && now_ns() > deadline_ns) {
      result.timed_out = true;
      ::kill(child, SIGKILL);
    }
    ::usleep(500);
  }
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
}

std::string beginning_of(int file) {
  std::string text(kMaxErrors, '\0');
  const ssize_t got = ::pread(file, text.data(), text.size(), 0);
  text.resize(size_t(std::max<ssize_t>(0, got)));
  return text;
}

}  // namespace

ChildResult run_child(const ChildSpec& spec) {
  QWENCH_CHECK(!spec.arguments.empty());
  const Descriptor input(unnamed_file(spec.input)), errors(unnamed_file(""));
  int ends[2];
  if (::pipe(ends) != 0) fail("expected a pipe, got: {}", std::strerror(errno));
  Descriptor output(ends[0]), to_output(ends[1]);
  ChildResult result;
  pid_t child = 0;
  result.start_error = spawn(spec, input.get(), to_output.get(), errors.get(), child);
  if (result.start_error) return result;
  to_output.close();
  const int64_t deadline_ns = now_ns() + spec.timeout_ms * 1'000'000;
  collect(output.get(), spec, deadline_ns, result);
  output.close();
  wait_for_end(child, deadline_ns, result);
  result.errors = beginning_of(errors.get());
  return result;
}

std::string describe(const ChildResult& result, const ChildSpec& spec) {
  if (result.start_error) return std::strerror(result.start_error);
  if (result.timed_out) return fmt::format("no end after {} ms", spec.timeout_ms);
  if (result.too_long) return fmt::format("more than {} bytes of output", spec.max_output);
  std::string text = result.exit_code >= 0 ? fmt::format("exit code {}", result.exit_code)
                                           : fmt::format("signal {}", result.signal);
  std::string said = result.errors;
  said.erase(0, said.find_first_not_of(" \t\r\n"));
  said.erase(said.find_last_not_of(" \t\r\n") + 1);
  return said.empty() ? text : text + ": " + in_quotes(said);
}

}  // namespace qwench::bench
