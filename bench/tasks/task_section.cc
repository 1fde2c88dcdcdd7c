// Files are opened in the order of the options; those that ship with the model come last, by name.
#include "bench/tasks/task_section.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "bench/support/number_option.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "bench/tasks/hellaswag.h"
#include "bench/tasks/likelihood_task.h"
#include "bench/tasks/mmlu.h"
#include "bench/tasks/prompt_task.h"
#include "bench/tasks/retrieval.h"
#include "bench/tasks/task_file.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

namespace fs = std::filesystem;

struct TaskKind {
  const char* task;    // option, and beginning of a shipped file's name
  const char* ending;  // of a shipped file's name
  int64_t published;   // items of the published set; 0: there is none
};
constexpr TaskKind kTaskKinds[] = {{"mmlu", ".jsonl", 14042},
                                   {"hellaswag", ".jsonl", 10042},
                                   {"retrieval", ".jsonl", 0},
                                   {"prompts", ".json", 0}};

/// The figures of a few questions of one's own are not those of the published set.
std::string size_note(const std::string& task, size_t n) {
  for (const TaskKind& kind : kTaskKinds)
    if (task == kind.task && kind.published && int64_t(n) != kind.published)
      return fmt::format("{} items where the published set has {}: do not compare with its figures",
                         n, kind.published);
  return {};
}

const std::vector<std::string>& files_of(const TaskOptions& options, const std::string& task) {
  if (task == "mmlu") return options.mmlu;
  if (task == "hellaswag") return options.hellaswag;
  return task == "retrieval" ? options.retrieval : options.prompts;
}

/// The task of a file in MODEL/tasks by its name; "" when it is none.
std::string shipped_task(const fs::path& file) {
  const std::string name = file.filename().string();
  for (const TaskKind& kind : kTaskKinds)
    if (name.rfind(kind.task, 0) == 0 && file.extension() == kind.ending) return kind.task;
  return {};
}

}  // namespace

void add_task_options(CLI::App& command, TaskOptions& o) {
  const auto files = [&](const char* name, std::vector<std::string>& to, const char* help) {
    command.add_option(name, to, help)->allow_extra_args(false);
  };
  files("--mmlu", o.mmlu, "MMLU: a CSV file, the release folder, or JSON lines");
  files("--hellaswag", o.hellaswag, "HellaSwag: JSON lines, or llama.cpp's text of six lines");
  files("--retrieval", o.retrieval, "JSON lines {context, question, answer, length}");
  files("--prompts", o.prompts, "JSON array [{prompt, reference}], scored by ROUGE and BLEU");
  files("--metric", o.metrics,
        "NAME=COMMAND for --prompts: JSON lines on stdin, one number a line on stdout");
  command.add_flag("--tasks", o.shipped, "The task files that ship with the model (MODEL/tasks)");
  command.add_option("--shots", o.shots, "MMLU examples in the prompt")
      ->transform(number_within(int64_t(0), int64_t(100)))
      ->capture_default_str();
  command
      .add_option_function<double>(
          "--task-drop", [&o](const double& percent) { o.drop = percent / 100; },
          "Percent of a task's score that a candidate may lose (default: 0)")
      ->transform(number_within(0.0, 100.0));
  command.add_option("--limit", o.limit, "Items of each task file; 0: all")
      ->transform(number_within(int64_t(0), int64_t(1) << 31))
      ->capture_default_str();
}

TaskSection::TaskSection(const TaskOptions& options, const std::string& model_folder)
    : metrics_(parse_metrics(options.metrics)), shots_(options.shots) {
  if (!metrics_.empty() && options.prompts.empty() && !options.shipped)
    fail_usage("--metric: only used with --prompts or --tasks");
  for (const TaskKind& kind : kTaskKinds)
    for (const std::string& file : files_of(options, kind.task)) add(kind.task, file, options);
  if (options.shipped) add_shipped(options, model_folder);
}

std::unique_ptr<Task> TaskSection::open(const std::string& task, const std::string& file,
                                        const TaskOptions& options) const {
  if (task == "prompts")
    return std::make_unique<PromptTask>(file, options.drop, read_prompts(file, options.limit),
                                        metrics_);
  std::vector<LikelihoodItem> items;
  if (task == "mmlu") items = mmlu_items(read_mmlu(file, options.limit), options.shots, file);
  if (task == "hellaswag") items = read_hellaswag(file, options.limit);
  if (task == "retrieval") items = read_retrieval(file, options.limit);
  std::string note = size_note(task, items.size());
  return std::make_unique<LikelihoodTask>(task, file, options.drop, std::move(note),
                                          std::move(items));
}

void TaskSection::add(const std::string& task, const std::string& file,
                      const TaskOptions& options) {
  if (is_missing(file))
    fail("--{} {}: expected a file or folder with items, found none of that name", task, file);
  Entry entry{task, file, "", "", open(task, file, options)};
  entry.kind = entry.loaded->kind();
  entries_.push_back(std::move(entry));
}

void TaskSection::add_shipped(const TaskOptions& options, const std::string& model_folder) {
  const fs::path folder = fs::path(model_folder) / "tasks";
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(folder, ignored))
    if (!shipped_task(file.path()).empty()) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) add(shipped_task(file), file.string(), options);
  if (!files.empty()) return;
  const std::string why = "not available: the model has no task files in " + folder.string();
  note("tasks: skipped, " + why);
  entries_.push_back({"tasks", folder.string(), "", why, nullptr});
}

bool TaskSection::runnable() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return entry.loaded != nullptr; });
}

bool TaskSection::passed() const {
  for (const Entry& entry : entries_)
    if (entry.loaded)
      for (size_t i = 1; i < entry.loaded->runs(); ++i)
        if (entry.loaded->verdict(i).outcome == TaskVerdict::Outcome::kFail) return false;
  return true;
}

void TaskSection::run(const std::string& name, const LoadedModel& loaded, const TextModel& text,
                      const ModelOptions& options) {
  for (Entry& entry : entries_)
    if (entry.loaded) entry.loaded->run({name, loaded, text, options});
}

std::string TaskSection::to_string() const {
  TaskTables tables;
  std::string notes;
  for (const Entry& entry : entries_) {
    if (!entry.skipped.empty())
      notes += fmt::format("{}: skipped, {}\n", entry.task, entry.skipped);
    if (!entry.loaded) continue;
    entry.loaded->add_rows(tables);
    if (const std::string note = entry.loaded->note(); !note.empty())
      notes += fmt::format("{} ({}): {}\n", entry.task, short_name(entry.file), note);
  }
  std::string text;
  if (!tables.accuracy.empty())
    text += tables.accuracy.to_string() +
            "flips: answers that became wrong (-) and right (+) against the first model; p: exact "
            "McNemar test;\nn for 1 %: items needed to see a drop of 1 % at this rate of flips; "
            "verdict: "
            "FAIL where significantly worse\n";
  if (!tables.groups.empty()) text += "\n" + tables.groups.to_string();
  if (!tables.texts.empty()) text += (text.empty() ? "" : "\n") + tables.texts.to_string();
  return text + tables.verdicts + notes;
}

OrderedJson TaskSection::to_json() const {
  OrderedJson list = OrderedJson::array();
  for (const Entry& entry : entries_) {
    OrderedJson json = {{"task", entry.task}, {"file", without_home(entry.file)},
                        {"kind", nullptr},    {"n", 0},
                        {"skipped", nullptr}, {"note", nullptr}};
    if (!entry.skipped.empty()) json["skipped"] = without_home(entry.skipped);
    if (entry.loaded) {
      json["kind"] = entry.kind;
      json["n"] = entry.loaded->size();
      if (!entry.loaded->note().empty()) json["note"] = entry.loaded->note();
    }
    if (entry.task == "mmlu") json["shots"] = shots_;
    json["results"] = entry.loaded ? entry.loaded->results() : OrderedJson::array();
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace qwench::bench
