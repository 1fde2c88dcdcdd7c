// What the tests of text/ share: test data, and a check for an Error by its words.
#pragma once
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/text/tokenizer.h"
#include "tests/support/scratch.h"

namespace qwench::text_test {

using test::ScratchFolder;

inline std::string data(const std::string& name) {
  return std::string(QWENCH_SOURCE_DIR "/tests/data/") + name;
}

inline std::vector<Json> read_jsonl(const std::string& path) {
  std::vector<Json> rows;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) rows.push_back(parse_json(line, path));
  return rows;
}

/// The real Qwen vocabulary, or "" (it is too big for the repository).
inline std::string real_vocabulary() {
  std::vector<std::string> roots = {QWENCH_SOURCE_DIR "/../shared"};
  if (const char* shared = std::getenv("QWENCH_SHARED")) roots.insert(roots.begin(), shared);
  for (const std::string& root : roots) {
    const std::string path = root + "/data/qwen2-tokenizer/qwen.tiktoken";
    if (std::filesystem::exists(path)) return path;
  }
  MESSAGE("skipped: no qwen.tiktoken in $QWENCH_SHARED/data/qwen2-tokenizer");
  return "";
}

/// Runs `action`; the words of the Error it throws, "" when it throws none.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// The action must throw an Error that says `words`.
#define CHECK_ERROR(action, words)                                                   \
  do {                                                                               \
    const std::string said = ::qwench::text_test::error_of([&] { (void)(action); }); \
    CHECK_MESSAGE(said.find(words) != std::string::npos, "said: " << said);          \
  } while (false)

template <class Action>
double seconds(Action action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace qwench::text_test
