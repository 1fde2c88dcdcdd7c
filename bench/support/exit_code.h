// What the program's exit code says; scripts rely on these numbers.
#pragma once

namespace qwench::bench {

constexpr int kExitOk = 0;
constexpr int kExitError = 1;  // a file, the machine or the run
constexpr int kExitUsage = 2;  // the command line
constexpr int kExitInaccurate =
    3;  // a result is beyond its tolerance: of a kernel, a model, a task
constexpr int kExitRegression = 4;     // `regress`: confirmed
constexpr int kExitInconclusive = 5;   // `regress --strict`: a change could not be ruled out
constexpr int kExitInterrupted = 130;  // Ctrl-C; what was finished is printed

}  // namespace qwench::bench
