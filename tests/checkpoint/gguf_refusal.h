// What opening bytes as a GGUF model says, with a bound on the time and memory that saying it takes.
#pragma once
#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "engine/base/check.h"
#include "engine/checkpoint/gguf_checkpoint.h"
#include "tests/checkpoint/gguf_bytes.h"
#include "tests/support/peak_memory.h"
#include "tests/support/scratch.h"

namespace qwench::test {

/// What opening the bytes as a model says; "" when it works. Checks time and memory on the way.
inline std::string said(const std::string& bytes) {
  const ScratchFolder folder;
  const std::string path = folder.write("f.gguf", bytes);
  const int64_t before = peak_kib();
  const auto start = std::chrono::steady_clock::now();
  std::string message;
  try {
    GgufCheckpoint(path, {});
  } catch (const Error& error) {
    message = error.what();
    CHECK(message.find(path) == 0);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  CHECK(took.count() < 1);  // 0.1 s when optimised and alone on the machine
  CHECK(peak_kib() - before < 64 * 1024);
  return message;
}

#define CHECK_SAYS(bytes, words)                                                  \
  do {                                                                            \
    const std::string message = ::qwench::test::said(bytes);                      \
    CHECK_MESSAGE(message.find(words) != std::string::npos, "said: " << message); \
  } while (false)

}  // namespace qwench::test
