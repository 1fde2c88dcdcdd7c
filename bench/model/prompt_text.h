// Where a prompt comes from that does not stand on the command line: a file, or stdin.
#pragma once
#include <string>

namespace qwench::bench {

/// Everything on stdin. Error above 256 MiB or where it cannot be read.
std::string read_stdin();

/// Whether stdin is a pipe, a socket or a file, and no terminal or /dev/null.
bool stdin_is_fed();

/// A file, or stdin for "-", as a prompt: line ends and encoding as text_of_file() has them, and without the last
/// line end, which is the file's and not the prompt's.
std::string text_in(const std::string& file);

}  // namespace qwench::bench
