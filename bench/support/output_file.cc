// What was printed is worth more than the file: it goes first.
#include "bench/support/output_file.h"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "bench/support/output.h"
#include "engine/base/check.h"
#include "engine/base/file.h"

namespace qwench::bench {

CLI::Option* add_output_option(CLI::App& command, const std::string& names, std::string& path,
                               const std::string& help) {
  const auto named = [](const std::string& text) {
    return text.empty() ? std::string("expected the name of a file, got ''") : std::string();
  };
  return command.add_option(names, path, help)->check(CLI::Validator(named, ""));
}

void check_output(const std::string& path) {
  if (!path.empty()) require_writable(path);
}

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail("{}: expected a folder that can be made, got: {}", path, error.message());
  require_writable(path + "/qwench");
}

void deliver(std::string_view text, const std::string& path, std::string_view document) {
  std::string failure;
  try {
    print(text);
  } catch (const Error& error) {
    failure = error.what();
  }
  if (!path.empty()) write_text_file(path, document);
  if (!failure.empty()) throw Error(failure);
}

}  // namespace qwench::bench
