// From argv to an exit code: parsing, suggestions, and the mapping of failures to codes.
#pragma once

namespace qwench::bench {

/// Runs the program. Results go to stdout, messages to stderr; returns the exit code (support/exit_code.h).
int run_program(int argc, const char* const* argv);

}  // namespace qwench::bench
