// The tasks of `qwench accuracy`: which files, checked before any model is loaded, run on one model
// after the other, and their part of the report.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/model/model_options.h"
#include "bench/model/text_options.h"
#include "bench/tasks/task.h"
#include "bench/text_metrics/custom_metric.h"
#include "engine/base/json.h"

namespace CLI {
class App;
}  // namespace CLI

namespace qwench::bench {

struct TaskOptions {
  std::vector<std::string> mmlu, hellaswag, retrieval, prompts;  // files, in the order given
  std::vector<std::string> metrics;                              // NAME=COMMAND, for prompts
  bool shipped = false;                                          // the files in MODEL/tasks too
  int64_t shots = 0;                                             // MMLU examples in the prompt
  int64_t limit = 0;                                             // items of each file; 0: all
  double drop = 0;  // part of a task's score that a candidate may lose
};

/// --mmlu --hellaswag --retrieval --prompts --metric --tasks --shots --limit --task-drop.
void add_task_options(CLI::App& command, TaskOptions& options);

class TaskSection {
 public:
  /// Reads and checks every file: UsageError on a wrong --metric, Error with file and line on a
  /// wrong file, or one that is named and not there. MODEL/tasks holds mmlu*.jsonl, hellaswag*.jsonl,
  /// retrieval*.jsonl and prompts*.json; where there are none, that is kept as a skipped row.
  TaskSection(const TaskOptions& options, const std::string& model_folder);

  /// True when nothing was asked for.
  bool empty() const { return entries_.empty(); }
  /// True when there is something to run: not where all is skipped.
  bool runnable() const;
  /// No candidate is significantly worse than the first run.
  bool passed() const;

  /// Runs every task on one loaded model. The first run is the reference of the paired tests.
  /// Ctrl-C (in the scope of an InterruptGuard) stops after an item; what comes later has no
  /// items. UsageError when the model has no tokenizer, Error when a custom metric fails or memory
  /// runs out.
  void run(const std::string& name, const LoadedModel& loaded, const TextModel& text,
           const ModelOptions& options);

  /// Tables and notes; "" when empty().
  std::string to_string() const;

  /// [{"task", "file", "kind", "n", "skipped", "note", "results": [...]}], one per file; "skipped"
  /// is null or the reason. Accuracies are fractions with their standard errors and 95 % intervals.
  OrderedJson to_json() const;

 private:
  struct Entry {
    std::string task, file, kind;
    std::string skipped;  // why there is no task
    std::unique_ptr<Task> loaded;
  };
  void add(const std::string& task, const std::string& file, const TaskOptions& options);
  void add_shipped(const TaskOptions& options, const std::string& model_folder);
  std::unique_ptr<Task> open(const std::string& task, const std::string& file,
                             const TaskOptions& options) const;

  std::vector<CustomMetric> metrics_;
  int64_t shots_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace qwench::bench
