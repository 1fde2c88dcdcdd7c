// The suites of `qwench bench --benchmark-type`: which to run, on what, and where the results go.
#pragma once
#include <string>
#include <vector>

#include "bench/suites/suite.h"
#include "bench/sweep/options.h"

namespace CLI {
class App;
}  // namespace CLI

namespace qwench::bench {

struct SuitesOptions {
  SuiteOptions suite;
  std::string type, metric;
  std::vector<std::string> specific;  // names of suites
  std::string output;                 // FILE.json, or a folder
  bool json = false, csv = false, plan = false, resume = false, strict = false;
};

/// --benchmark-type --specific-tests --metric --max-tokens --prompts-file --duration --quick --strict.
void declare_suites_options(CLI::App& command, SuitesOptions& options);

/// True where one of them asks for suites instead of the sweep.
bool wants_suites(const SuitesOptions& options);

/// The options that suites share with the sweep. UsageError where one has no meaning for them.
void take_bench_options(const CLI::App& command, const BenchOptions& bench, SuitesOptions& options);

/// The names that --benchmark-type takes.
const std::vector<std::string>& benchmark_types();

/// UsageError on an unknown type or name, naming the nearest.
std::vector<const Suite*> select_suites(const SuitesOptions& options);

/// Runs them; returns the exit code: 0, 1 where a suite ended with an error (or, with --strict, missed a
/// criterion), 3 where one of type `accuracy` failed, 130 when interrupted.
int run_suites(SuitesOptions options);

}  // namespace qwench::bench
