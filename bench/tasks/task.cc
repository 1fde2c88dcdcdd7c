// What every kind of task asks of a model.
#include "bench/tasks/task.h"

#include <algorithm>

#include "bench/model/generate.h"
#include "bench/support/output.h"
#include "bench/tasks/task_file.h"
#include "engine/base/check.h"

namespace qwench::bench {

TaskTables::TaskTables()
    : accuracy({"<task", "<file", "<model", "n", "acc [95 %]", "acc_norm_char [95 %]",
                "acc_norm_token [95 %]", "flips", "p", "n for 1 %", "<verdict"}),
      groups({"<task", "<file", "<group", "<model", "n", "acc [95 %]"}),
      texts({"<task", "<file", "<model", "n", "ROUGE-1", "ROUGE-2", "ROUGE-L", "BLEU", "exact",
             "<other metrics", "<verdict"}) {}

std::string verdict_cell(const Task& task, const std::string& run, size_t index, TaskTables& to) {
  if (index == 0) return "-";
  const TaskVerdict verdict = task.verdict(index);
  const std::string name = name_of(verdict.outcome);
  if (verdict.outcome != TaskVerdict::Outcome::kPass)
    to.verdicts += fmt::format("{} ({}), {}: {}, {}\n", task.task(), short_name(task.file()), run,
                               name, verdict.reason);
  return name;
}

OrderedJson verdict_json(const Task& task, size_t index) {
  return index == 0 ? OrderedJson(nullptr) : to_json(task.verdict(index));
}

const Tokenizer& require_tokenizer(const TaskRun& run, const Task& task) {
  if (!run.text.tokenizer)
    fail_usage(
        "{} {}: expected a tokenizer in {}, found none (tokenizer.json, vocab.json + merges.txt, "
        "qwen.tiktoken or tokenizer.model); tasks are text, so leave them out for this model",
        task.task(), task.file(), run.options.model);
  return *run.text.tokenizer;
}

void note_long_items(const TaskRun& run, const Task& task, int64_t n_tokens) {
  const std::string said = position_note(run.loaded.model.config, n_tokens);
  if (!said.empty()) note(task.file() + ": " + said);
}

void require_session_memory(const Model& model, const SessionOptions& options) {
  const int64_t needed = plan_memory(model.config, 0, options).total();  // the weights are there
  const int64_t available = model.backend->available_bytes();
  if (needed > available)
    fail("memory: expected {} for items of up to {} tokens, got {}; use --limit or --kv-dtype f16",
         format_bytes(needed), options.capacity, format_bytes(available));
}

int64_t emit_limit(const TaskRun& run) {
  const int64_t vocab = run.loaded.model.config.vocab;
  return run.text.emit_limit > 0 ? std::min(run.text.emit_limit, vocab) : vocab;
}

}  // namespace qwench::bench
