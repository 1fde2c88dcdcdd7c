// Two kinds of failure, and only two: an outside cause throws Error, a broken contract aborts.
// Nothing a file, a prompt, an argument or the environment can do reaches QWENCH_CHECK.
#pragma once
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>

namespace qwench {

/// Something outside the program is wrong (a file, the machine, the run). The message reads
/// "what: expected X, got Y (where); how to fix it". The program exits with 1.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The command line is wrong (option, kernel name, token id, text without a tokenizer). Exit
/// code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Somebody asked the work to end before it was done: nothing is wrong.
class Cancelled : public Error {
 public:
  Cancelled() : Error("interrupted before it was done") {}
};

/// Asked between two pieces of long work; true ends it by Cancelled.
using CancelCheck = bool (*)();
inline void throw_if(CancelCheck cancelled) {
  if (cancelled && cancelled()) throw Cancelled();
}

template <class... A>
[[noreturn]] void fail(fmt::format_string<A...> format, A&&... args) {
  throw Error(fmt::format(format, std::forward<A>(args)...));
}
template <class... A>
[[noreturn]] void fail_usage(fmt::format_string<A...> format, A&&... args) {
  throw UsageError(fmt::format(format, std::forward<A>(args)...));
}

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: contract broken: %s\n", file, line, condition);
  std::abort();
}

}  // namespace qwench

#define QWENCH_CHECK(condition) \
  ((condition) ? (void)0 : ::qwench::check_failed(#condition, __FILE__, __LINE__))
