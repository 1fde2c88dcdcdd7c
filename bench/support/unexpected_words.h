// What to say of words on the command line that nobody expects: which they are, and what was probably meant.
#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
}  // namespace CLI

namespace qwench::bench {

/// "not expected: --tokns 1; did you mean --tokens?". `words`: all of the command line, of which `program` was
/// parsed with some left over.
std::string unexpected_words(const CLI::App& program, const std::vector<std::string>& words);

}  // namespace qwench::bench
