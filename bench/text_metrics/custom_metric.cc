// What the command may answer, and what is said of any other answer.
#include "bench/text_metrics/custom_metric.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "bench/support/child_process.h"
#include "engine/base/check.h"
#include "engine/base/json.h"

namespace qwench::bench {

namespace {

constexpr size_t kMaxNumberBytes = 64;  // no double needs more
constexpr int64_t kMostMs = 3'600'000;  // a metric may be a model of its own

[[noreturn]] void fail_metric(const CustomMetric& m, const std::string& what) {
  fail("metric {}: {} (command {})", m.name, what, in_quotes(m.command));
}

void check_ended_well(const CustomMetric& m, const ChildResult& e, size_t n_lines) {
  if (e.start_error)
    fail_metric(m, std::string("expected to start /bin/sh, got: ") + std::strerror(e.start_error));
  if (e.timed_out) fail_metric(m, fmt::format("expected it to end within {} s", kMostMs / 1000));
  if (e.too_long)
    fail_metric(m, fmt::format("expected {} numbers, one a line, got more than {} bytes that begin "
                               "with {}",
                               n_lines, e.output.size() - 1,
                               in_quotes(e.output.substr(0, e.output.find('\n')))));
  if (e.signal)
    fail_metric(m, fmt::format("expected it to exit with 0, got signal {} ({})", e.signal,
                               strsignal(e.signal)));
  if (e.exit_code == 127)
    fail_metric(m,
                "expected a command, got one that the shell cannot find (exit code 127); give "
                "its path");
  if (e.exit_code != 0)
    fail_metric(m, fmt::format("expected it to exit with 0, got exit code {}", e.exit_code));
}

double parse_number(const CustomMetric& m, std::string text, size_t line) {
  text.erase(text.find_last_not_of(" \t\r") + 1);
  // Hexadecimal and "nan" are refused along with words: what is left is what JSON can carry.
  const bool plain = text.find_first_not_of("+-.0123456789eE \t") == std::string::npos;
  char* end = nullptr;
  const double value = plain ? std::strtod(text.c_str(), &end) : NAN;
  if (text.empty() || !plain || *end != '\0' || !std::isfinite(value))
    fail_metric(m, fmt::format("expected a finite number on line {} of its output, got {}", line,
                               text.empty() ? "an empty line" : in_quotes(text)));
  return value;
}

std::vector<double> parse_numbers(const CustomMetric& m, const std::string& output,
                                  size_t n_lines) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < output.size();) {
    const size_t end = std::min(output.find('\n', at), output.size());
    lines.push_back(output.substr(at, end - at));
    at = end + 1;
  }
  std::vector<double> numbers;
  for (size_t i = 0; i < std::min(lines.size(), n_lines); ++i)
    numbers.push_back(parse_number(m, lines[i], i + 1));
  if (lines.size() != n_lines)
    fail_metric(m, fmt::format("expected {} lines, one number for each line of its input, got {}",
                               n_lines, lines.size()));
  return numbers;
}

bool is_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

}  // namespace

std::vector<CustomMetric> parse_metrics(const std::vector<std::string>& options) {
  std::vector<CustomMetric> metrics;
  for (const std::string& option : options) {
    const size_t equals = std::min(option.find('='), option.size());
    CustomMetric m{option.substr(0, equals), option.substr(std::min(equals + 1, option.size()))};
    if (!is_name(m.name) || m.command.find_first_not_of(" \t\n") == std::string::npos)
      fail_usage(
          "--metric: expected NAME=COMMAND, such as length='python3 length.py' (the name of "
          "letters, digits, _ - .), got {}",
          in_quotes(option));
    for (const CustomMetric& other : metrics)
      if (other.name == m.name)
        fail_usage("--metric: expected each name once, got {} twice", m.name);
    metrics.push_back(std::move(m));
  }
  return metrics;
}

std::vector<double> run_metric(const CustomMetric& metric, const std::vector<std::string>& lines) {
  std::string input;
  for (const std::string& line : lines) input += line;
  ChildSpec shell{{"/bin/sh", "-c", metric.command}, std::move(input)};
  shell.max_output = (lines.size() + 1) * kMaxNumberBytes + 4096;
  shell.timeout_ms = kMostMs;
  const ChildResult ended = run_child(shell);
  std::fputs(ended.errors.c_str(), stderr);
  check_ended_well(metric, ended, lines.size());
  return parse_numbers(metric, ended.output, lines.size());
}

}  // namespace qwench::bench
