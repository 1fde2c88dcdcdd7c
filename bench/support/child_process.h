// Another program, run to its end: what it is given, what it wrote, how it ended.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace qwench::bench {

struct ChildSpec {
  std::vector<std::string> arguments;  // the first is the program, looked for in PATH; no shell
  std::string input;                   // its stdin
  size_t max_output = size_t(64) << 20;
  int64_t timeout_ms = 30'000;
};

struct ChildResult {
  int start_error = 0;  // errno when it could not be started; then nothing below is set
  int exit_code = -1;   // -1: ended by a signal
  int signal = 0;
  std::string output, errors;                // stdout; the beginning of stderr
  bool too_long = false, timed_out = false;  // ended by us because of that

  bool ok() const { return start_error == 0 && exit_code == 0 && !too_long && !timed_out; }
};

/// stdin and stderr are unnamed files, so that a program that never reads or only complains cannot block
/// us, nor one that stops reading end us by SIGPIPE. Never leaves a zombie. Error when the system has no
/// file or pipe left.
ChildResult run_child(const ChildSpec& spec);

/// "exit code 1: the first line of stderr", "signal 9", "no end after 30 s".
std::string describe(const ChildResult& result, const ChildSpec& spec);

}  // namespace qwench::bench
