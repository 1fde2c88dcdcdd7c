// A metric of the user's own: an external command, so that nothing needs to be compiled. It gets
// JSON lines on stdin and answers each with one number on stdout.
#pragma once
#include <string>
#include <vector>

namespace qwench::bench {

struct CustomMetric {
  std::string name, command;  // the command is one for /bin/sh
};

/// NAME=COMMAND of every --metric. UsageError on a missing part, a name other than letters, digits,
/// '_', '-' and '.', or a name given twice.
std::vector<CustomMetric> parse_metrics(const std::vector<std::string>& options);

/// Runs the command with `lines` (JSON, each ending with '\n') on stdin; what it
/// writes to stderr comes to ours when it has ended. One
/// finite number per line. Error naming the metric when the command cannot be found, fails, dies
/// by a signal, or prints something other than exactly one number per line. It may ignore its
/// input; output beyond what `lines.size()` numbers can take ends it.
std::vector<double> run_metric(const CustomMetric& metric, const std::vector<std::string>& lines);

}  // namespace qwench::bench
