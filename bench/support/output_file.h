// Files that a command leaves beside what it prints: known to be writable before the work, and no reason to
// lose what was printed after it.
#pragma once
#include <string>
#include <string_view>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace qwench::bench {

/// An option that names a file or folder to write; an empty name is a parse error.
CLI::Option* add_output_option(CLI::App& command, const std::string& names, std::string& path,
                               const std::string& help);

/// Error unless the file could be written now. "" is no output.
void check_output(const std::string& path);

/// Makes the folder, and those above it, where they are missing. Error when files cannot be made in it.
void make_folder(const std::string& path);

/// Prints the text, and writes the document to the file, "" for none. Where one of them fails the other is
/// still done, and then the Error is thrown.
void deliver(std::string_view text, const std::string& path, std::string_view document);

}  // namespace qwench::bench
