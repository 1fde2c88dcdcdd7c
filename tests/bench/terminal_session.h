// The program on a terminal of its own, as a person has it: what is typed, what stands on the screen.
#pragma once
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/bench/program.h"

namespace qwench::test {

class TerminalSession {
 public:
  /// words: the program's arguments; environment: "NAME=value" for it alone.
  TerminalSession(const std::vector<std::string>& words,
                  const std::vector<std::string>& environment) {
    master_ = posix_openpt(O_RDWR | O_NOCTTY);
    REQUIRE(master_ >= 0);
    REQUIRE(grantpt(master_) == 0);
    REQUIRE(unlockpt(master_) == 0);
    const std::string terminal = ptsname(master_);
    child_ = fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) become(terminal, words, environment);
  }
  TerminalSession(const TerminalSession&) = delete;
  TerminalSession& operator=(const TerminalSession&) = delete;
  ~TerminalSession() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    close(master_);
  }

  /// Types the text; what the program shows meanwhile is read, so that neither waits for the other.
  void type(const std::string& text) {
    for (size_t at = 0; at < text.size();) {
      pollfd state{master_, POLLIN | POLLOUT, 0};
      REQUIRE(poll(&state, 1, kPatienceMs) == 1);
      if (state.revents & POLLIN) read_some();
      if (!(state.revents & POLLOUT)) continue;
      const ssize_t n = write(master_, text.data() + at, std::min<size_t>(text.size() - at, 512));
      REQUIRE(n > 0);
      at += size_t(n);
    }
  }

  /// Waits until the screen shows this after what was waited for before. False after a minute, or
  /// when the program ended without it.
  bool shows(const std::string& text) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    for (;;) {
      const size_t found = screen_.find(text, seen_);
      if (found != screen_.npos) return seen_ = found + text.size(), true;
      pollfd state{master_, POLLIN, 0};
      if (poll(&state, 1, 100) == 1 && !read_some()) return false;
      if (std::chrono::steady_clock::now() > end) return false;
    }
  }

  /// Waits for the end; the exit code, or minus the signal. What does not end in a minute is killed.
  int finish() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
    for (bool open = true; open;) {
      pollfd state{master_, POLLIN, 0};
      if (poll(&state, 1, 100) == 1) open = read_some();
      if (std::chrono::steady_clock::now() > end) kill(child_, SIGKILL), open = false;
    }
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  const std::string& screen() const { return screen_; }

 private:
  static constexpr int kPatienceMs = 60'000;  // a machine under load

  /// False at the end.
  bool read_some() {
    char buffer[4096];
    const ssize_t n = read(master_, buffer, sizeof buffer);  // EIO: the other side is closed
    if (n > 0) screen_.append(buffer, size_t(n));
    return n > 0;
  }

  [[noreturn]] static void become(const std::string& terminal,
                                  const std::vector<std::string>& words,
                                  const std::vector<std::string>& environment) {
    setsid();
    const int slave = open(terminal.c_str(), O_RDWR);
    ioctl(slave, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; ++fd) dup2(slave, fd);
    for (const std::string& variable : environment) {
      const size_t equals = variable.find('=');
      setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
    }
    std::vector<char*> argv = {const_cast<char*>(kProgram)};
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    execv(kProgram, argv.data());
    _exit(127);
  }

  int master_ = -1;
  pid_t child_ = -1;
  std::string screen_;
  size_t seen_ = 0;
};

}  // namespace qwench::test
