// What `qwench accuracy` was asked for, understood and checked before anything is loaded, and the
// report that its sections add to.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/accuracy/tolerance.h"
#include "bench/model/configuration.h"
#include "bench/tasks/task_section.h"

namespace qwench::bench {

/// The command line.
struct AccuracyOptions {
  ModelOptions model;
  std::string reference = "reference:kernel=reference";
  std::vector<std::string> candidates, tolerances;
  std::optional<std::string> text;
  int64_t window = 512, max_tokens = 0, generate = 32, prompts = 8;
  bool no_floor = false, no_same_weights = false, gradients = false, json = false;
  int64_t gradient_layer = 0;
  std::vector<std::string> gradient_golden;
  std::string dump, against, golden, output;
  TaskOptions tasks;
};

/// The options as understood.
struct Plan {
  AccuracyOptions options;
  std::vector<Configuration> configurations;  // the reference, then the candidates
  Tolerances tolerances;
  TaskSection tasks;
  bool with_text = false;  // the text section runs

  const Configuration& reference() const { return configurations.front(); }
};

/// UsageError on options that contradict each other, a wrong configuration or tolerance, or a missing
/// model; Error on a wrong task file.
Plan make_plan(AccuracyOptions options);

/// The `config` block of the report.
OrderedJson config_json(const Plan& plan);

/// What the sections found.
struct Findings {
  OrderedJson document;
  std::string text;
  bool pass = true, interrupted = false;

  void add(const std::string& said, bool passed) {
    text += (text.empty() || said.empty() ? "" : "\n") + said;
    pass = pass && passed;
  }
};

}  // namespace qwench::bench
