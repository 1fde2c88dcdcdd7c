// The program as a process: its exit code and what it wrote to each stream.
#pragma once
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdio>
#include <string>
#include <vector>

#include "bench/support/child_process.h"
#include "engine/base/file.h"
#include "tests/support/scratch.h"

namespace qwench::test {

struct Outcome {
  int code = -1;
  std::string out, err;
};

#ifdef QWENCH_PROGRAM
inline const char* const kProgram = QWENCH_PROGRAM;
#else
inline const char* const kProgram = nullptr;
#endif

/// Runs the program with a shell's words; stdin is empty unless a pipe feeds it.
inline Outcome run(const std::string& arguments) {
  const ScratchFolder scratch;
  const std::string err = scratch.file("err");
  const std::string command = std::string(kProgram) + " " + arguments + " 2>" + err + " </dev/null";
  Outcome outcome;
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  char buffer[4096];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    outcome.out.append(buffer, n);
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome.err = qwench::read_file(err, 1 << 20);
  return outcome;
}

/// Runs the program with these words and this stdin, a file.
inline Outcome run_with_input(std::vector<std::string> words, const std::string& input) {
  bench::ChildSpec spec;
  spec.arguments = std::move(words);
  spec.arguments.insert(spec.arguments.begin(), kProgram);
  spec.input = input;
  spec.timeout_ms = 300'000;  // under sanitizers, beside others
  const bench::ChildResult result = bench::run_child(spec);
  return {result.exit_code, result.output, result.errors};
}

inline bool available() {
  if (!kProgram) MESSAGE("skipped: the program is not part of this build");
  return kProgram != nullptr;
}

inline void check_usage_error(const std::string& arguments, const std::string& said) {
  const Outcome o = run(arguments);
  INFO(arguments);
  INFO(o.err);
  CHECK(o.code == 2);
  CHECK(o.err.find(said) != std::string::npos);
  CHECK(o.out.empty());
}

}  // namespace qwench::test
