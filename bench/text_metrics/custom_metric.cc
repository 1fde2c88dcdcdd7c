// stdin is a temporary file, not a pipe: a command that never reads cannot block us, one that
// stops reading cannot kill us, and only one direction is left to wait for.
#include "bench/text_metrics/custom_metric.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engine/check.h"
#include "engine/json.h"

extern char** environ;  // NOLINT: POSIX leaves the declaration to the program

namespace qwench::bench {

namespace {

constexpr size_t kMaxNumberBytes = 64;  // no double needs more

[[noreturn]] void fail_metric(const CustomMetric& m, const std::string& what) {
  fail("metric {}: {} (command {})", m.name, what, in_quotes(m.command));
}

/// A descriptor that is closed with its scope.
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

/// An unnamed file that holds the lines, at its beginning.
int input_file(const CustomMetric& m, const std::vector<std::string>& lines) {
  const char* folder = std::getenv("TMPDIR");
  std::string path = std::string(folder && *folder ? folder : "/tmp") + "/qwench-metric-XXXXXX";
  const int file = ::mkstemp(path.data());
  if (file < 0)
    fail_metric(m, "expected to write its input to " + path + ", got: " + std::strerror(errno));
  ::unlink(path.c_str());
  bool written = true;
  for (const std::string& line : lines)
    for (size_t done = 0; written && done < line.size();) {
      const ssize_t put = ::write(file, line.data() + done, line.size() - done);
      if (put < 0 && errno == EINTR) continue;
      written = put > 0;
      if (written) done += size_t(put);
    }
  if (!written || ::lseek(file, 0, SEEK_SET) != 0) {
    const std::string reason = std::strerror(errno);
    ::close(file);
    fail_metric(m, "expected to write its input to " + path + ", got: " + reason);
  }
  return file;
}

/// Starts /bin/sh -c COMMAND in our process group: Ctrl-C ends it too.
pid_t spawn_shell(const CustomMetric& m, int input, int output) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGINT);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  std::string shell = "sh", option = "-c", command = m.command;
  char* arguments[] = {shell.data(), option.data(), command.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawn(&child, "/bin/sh", &files, &attributes, arguments, environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (error) fail_metric(m, std::string("expected to start /bin/sh, got: ") + std::strerror(error));
  return child;
}

struct Ended {
  int status = 0;         // of waitpid
  std::string output;     // stdout, up to the limit
  bool too_long = false;  // ended by us because of that
};

/// Reads until the output ends or exceeds `limit` bytes, then waits.
Ended collect(pid_t child, Descriptor& output, size_t limit) {
  Ended ended;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(output.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    ended.output.append(buffer, size_t(got));
    ended.too_long = ended.output.size() > limit;
    if (ended.too_long) break;
  }
  output.close();  // what the shell started and still writes ends by SIGPIPE
  if (ended.too_long) ::kill(child, SIGKILL);
  while (::waitpid(child, &ended.status, 0) < 0 && errno == EINTR) {
  }
  return ended;
}

void check_ended_well(const CustomMetric& m, const Ended& e, size_t n_lines) {
  if (e.too_long)
    fail_metric(m, fmt::format("expected {} numbers, one a line, got more than {} bytes that begin "
                               "with {}",
                               n_lines, e.output.size() - 1,
                               in_quotes(e.output.substr(0, e.output.find('\n')))));
  if (WIFSIGNALED(e.status)) {
    const int number = WTERMSIG(e.status);
    fail_metric(m, fmt::format("expected it to exit with 0, got signal {} ({})", number,
                               strsignal(number)));
  }
  const int code = WEXITSTATUS(e.status);
  if (code == 127)
    fail_metric(m,
                "expected a command, got one that the shell cannot find (exit code 127); give "
                "its path");
  if (code != 0) fail_metric(m, fmt::format("expected it to exit with 0, got exit code {}", code));
}

double parse_number(const CustomMetric& m, std::string text, size_t line) {
  while (!text.empty() && std::strchr(" \t\r", text.back())) text.pop_back();
  // Hexadecimal and "nan" are refused along with words: what is left is what JSON can carry.
  const bool plain = text.find_first_not_of("+-.0123456789eE \t") == std::string::npos;
  char* end = nullptr;
  const double value = plain ? std::strtod(text.c_str(), &end) : NAN;
  if (text.empty() || !plain || *end != '\0' || !std::isfinite(value))
    fail_metric(m, fmt::format("expected a finite number on line {} of its output, got {}", line,
                               text.empty() ? "an empty line" : in_quotes(text)));
  return value;
}

std::vector<double> parse_numbers(const CustomMetric& m, const std::string& output,
                                  size_t n_lines) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < output.size();) {
    const size_t end = std::min(output.find('\n', at), output.size());
    lines.push_back(output.substr(at, end - at));
    at = end + 1;
  }
  std::vector<double> numbers;
  for (size_t i = 0; i < std::min(lines.size(), n_lines); ++i)
    numbers.push_back(parse_number(m, lines[i], i + 1));
  if (lines.size() != n_lines)
    fail_metric(m, fmt::format("expected {} lines, one number for each line of its input, got {}",
                               n_lines, lines.size()));
  return numbers;
}

bool is_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

}  // namespace

std::vector<CustomMetric> parse_metrics(const std::vector<std::string>& options) {
  std::vector<CustomMetric> metrics;
  for (const std::string& option : options) {
    const size_t equals = std::min(option.find('='), option.size());
    CustomMetric m{option.substr(0, equals), option.substr(std::min(equals + 1, option.size()))};
    if (!is_name(m.name) || m.command.find_first_not_of(" \t\n") == std::string::npos)
      fail_usage(
          "--metric: expected NAME=COMMAND, such as length='python3 length.py' (the name of "
          "letters, digits, _ - .), got {}",
          in_quotes(option));
    for (const CustomMetric& other : metrics)
      if (other.name == m.name)
        fail_usage("--metric: expected each name once, got {} twice", m.name);
    metrics.push_back(std::move(m));
  }
  return metrics;
}

std::vector<double> run_metric(const CustomMetric& metric, const std::vector<std::string>& lines) {
  Descriptor input(input_file(metric, lines));
  int ends[2];
  if (::pipe(ends) != 0)
    fail_metric(metric, std::string("expected a pipe, got: ") + std::strerror(errno));
  Descriptor output(ends[0]), to_output(ends[1]);
  const pid_t child = spawn_shell(metric, input.get(), to_output.get());
  to_output.close();
  const Ended ended = collect(child, output, (lines.size() + 1) * kMaxNumberBytes + 4096);
  check_ended_well(metric, ended, lines.size());
  return parse_numbers(metric, ended.output, lines.size());
}

}  // namespace qwench::bench
