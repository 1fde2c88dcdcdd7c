// Read from the build's definitions and the program's own file.
#include "bench/support/program.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>

#include "bench/commit.h"  // made by bench/commit.cmake
#include "bench/support/file_hash.h"
#include "bench/support/output.h"
#include "bench/support/utc.h"
#include "engine/base/check.h"
#include "engine/checkpoint/model_places.h"

#ifndef QWENCH_VERSION
#define QWENCH_VERSION "unknown"
#endif
#ifndef QWENCH_BUILD_TYPE
#define QWENCH_BUILD_TYPE "unknown"
#endif
#ifndef QWENCH_CXX_FLAGS
#define QWENCH_CXX_FLAGS "unknown"
#endif

namespace qwench::bench {

namespace {

std::vector<std::string> words;
std::string started;

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return {};
#endif
}

}  // namespace

void remember_command_line(int argc, const char* const* argv) {
  started = utc_now();
  words.clear();
  for (int i = 0; i < argc; ++i) words.push_back(without_home(argv[i]));
  if (!words.empty()) words[0] = "qwench";
}

const std::vector<std::string>& command_line() { return words; }

const std::string& start_time() { return started; }

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  line.erase(line.find_last_not_of(" \t\r\n") + 1);
  return line;
}

std::string version_text() {
  return fmt::format("{} (commit {}, {})", QWENCH_VERSION, QWENCH_GIT_HASH, QWENCH_BUILD_TYPE);
}

const std::string& program_hash() {
  static const std::string hash = [] {
    try {
#ifdef __APPLE__
      return file_hash(program_file());
#else
      return file_hash(
          "/proc/self/exe");  // this very program, even where its name leads to another by now
#endif
    } catch (const Error&) {
      return std::string();
    }
  }();
  return hash;
}

std::string without_home(std::string text) {
  const char* home = std::getenv("HOME");
  if (!home || std::strlen(home) < 2) return text;
  const std::string folder = home;
  for (size_t at = text.find(folder); at != std::string::npos; at = text.find(folder, at + 1))
    text.replace(at, folder.size(), "~");
  return text;
}

std::string model_name(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return path;
  const size_t slash = path.find_last_of('/', end);
  return path.substr(slash == std::string::npos ? 0 : slash + 1, end - slash);
}

std::string utc_now() { return utc_text(unix_now_ns()); }

OrderedJson build_json() {
  return {{"name", "qwench"},
          {"version", QWENCH_VERSION},
          {"git_hash", QWENCH_GIT_HASH},
          {"program_hash", text_or_null(program_hash())},
          {"build_type", QWENCH_BUILD_TYPE},
          {"flags", QWENCH_CXX_FLAGS},
          {"compiler", text_or_null(compiler())},
          {"sanitizer", sanitizer_build()},
#ifdef QWENCH_HAVE_SENTENCEPIECE
          {"sentencepiece", true}};
#else
          {"sentencepiece", false}};
#endif
}

bool sanitizer_build() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#else
  return false;
#endif
}

}  // namespace qwench::bench
