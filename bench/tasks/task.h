// One task file and what every model that ran it scored.
#pragma once
#include <memory>
#include <string>

#include "bench/model/model_options.h"
#include "bench/model/text_options.h"
#include "bench/support/table.h"
#include "bench/tasks/significance.h"
#include "engine/base/json.h"

namespace qwench::bench {

struct TaskRun {
  const std::string& name;  // of the model or configuration, as the report shows it
  const LoadedModel& loaded;
  const TextModel& text;
  const ModelOptions& options;
};

/// The tables that all tasks share; a task adds its rows to those it has something for.
struct TaskTables {
  TaskTables();
  Table accuracy, groups, texts;
  std::string verdicts;  // a line for each that is not a plain pass
};

class Task {
 public:
  /// `task`: mmlu, hellaswag, retrieval or prompts. `kind`: how it is scored.
  /// `drop`: part of the score that a candidate may lose.
  Task(std::string task, std::string kind, std::string file, double drop)
      : task_(std::move(task)), kind_(std::move(kind)), file_(std::move(file)), drop_(drop) {}
  virtual ~Task() = default;

  const std::string& task() const { return task_; }
  const std::string& kind() const { return kind_; }
  const std::string& file() const { return file_; }
  double drop() const { return drop_; }

  virtual int64_t size() const = 0;  // items
  /// What a reader should know before comparing the figures; "" when nothing.
  virtual std::string note() const { return {}; }
  /// Runs all items; Ctrl-C stops after one, and those before it count. The first run is the
  /// reference of later ones. Error when the model cannot run it (no tokenizer, memory).
  virtual void run(const TaskRun& run) = 0;
  virtual size_t runs() const = 0;
  /// Of a run after the first, beside that.
  virtual TaskVerdict verdict(size_t run) const = 0;
  /// One object per run, in order.
  virtual OrderedJson results() const = 0;
  virtual void add_rows(TaskTables& to) const = 0;

 private:
  std::string task_, kind_, file_;
  double drop_;
};

/// The verdict's cell, and what it rests on for the lines below the table; "-" for the first run.
std::string verdict_cell(const Task& task, const std::string& run, size_t index, TaskTables& to);
/// null for the first run.
OrderedJson verdict_json(const Task& task, size_t index);

/// UsageError naming the task unless the model has a tokenizer.
const Tokenizer& require_tokenizer(const TaskRun& run, const Task& task);

/// Says on stderr when a file's longest item of n tokens goes beyond what the model was made for.
void note_long_items(const TaskRun& run, const Task& task, int64_t n_tokens);

/// Error when keys, values and activations of the session do not fit beside the model.
void require_session_memory(const Model& model, const SessionOptions& options);

/// How many ids may be emitted.
int64_t emit_limit(const TaskRun& run);

}  // namespace qwench::bench
