// acc: argmax of the summed log-likelihood. acc_norm_char divides by the characters of the ending
// (lm-evaluation-harness), acc_norm_token by its tokens (llama.cpp's HellaSwag).
#include "bench/tasks/likelihood_task.h"

#include <algorithm>
#include <limits>

#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "bench/tasks/task_file.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

OrderedJson accuracy_json(const std::vector<MarkedItems>& columns) {
  OrderedJson json = {{"n", columns.front().marks.size()}};
  for (const MarkedItems& column : columns) {
    const Accuracy a = accuracy_of(column.marks);
    json[column.metric] = a.n ? OrderedJson(a.value()) : OrderedJson(nullptr);
    json[column.metric + "_stderr"] = a.n ? OrderedJson(a.standard_error()) : OrderedJson(nullptr);
    json[column.metric + "_ci95"] = nullptr;
    if (a.n) json[column.metric + "_ci95"] = {a.interval().lo, a.interval().hi};
  }
  return json;
}

std::string with_interval(const Accuracy& a) {
  if (a.n == 0) return "-";
  return fmt::format("{:.4f} [{:.4f}, {:.4f}]", a.value(), a.interval().lo, a.interval().hi);
}

}  // namespace

int64_t index_of_max(const std::vector<double>& values) {
  QWENCH_CHECK(!values.empty());
  return std::max_element(values.begin(), values.end()) - values.begin();
}

LikelihoodTask::LikelihoodTask(std::string task, std::string file, double drop, std::string note,
                               std::vector<LikelihoodItem> items)
    : Task(std::move(task), items.front().endings.size() > 1 ? "multiple_choice" : "exact_match",
           std::move(file), drop),
      note_(std::move(note)),
      items_(std::move(items)) {}

int64_t LikelihoodTask::longest(const Tokenizer& tokenizer) const {
  size_t longest = 0;
  for (const LikelihoodItem& item : items_)
    for (const Ending& ending : item.endings)
      longest = std::max(
          longest,
          encode_pair(tokenizer, item.context, ending.continuation, item.where).tokens.size());
  return int64_t(longest);
}

void LikelihoodTask::mark(const LikelihoodItem& item, LikelihoodScorer& scorer,
                          const Tokenizer& tokenizer, LikelihoodResult& result) const {
  std::vector<double> sum, per_character, per_token;
  bool greedy = false;
  for (const Ending& ending : item.endings) {
    const EncodedPair pair = encode_pair(tokenizer, item.context, ending.continuation, item.where);
    const Likelihood l = scorer.score(pair);
    sum.push_back(l.log_likelihood);
    per_character.push_back(ending.characters > 0 ? l.log_likelihood / double(ending.characters)
                                                  : -std::numeric_limits<double>::infinity());
    per_token.push_back(l.log_likelihood / double(pair.n_continuation()));
    greedy = l.greedy;
  }
  if (item.endings.size() == 1) {
    result.columns[0].marks.push_back(greedy);
    return;
  }
  result.columns[0].marks.push_back(index_of_max(sum) == item.answer);
  result.columns[1].marks.push_back(index_of_max(per_character) == item.answer);
  result.columns[2].marks.push_back(index_of_max(per_token) == item.answer);
}

void LikelihoodTask::run(const TaskRun& run) {
  const Tokenizer& tokenizer = require_tokenizer(run, *this);
  const int64_t capacity = longest(tokenizer);
  note_long_items(run, *this, capacity);
  LikelihoodScorer scorer(run.loaded.model, session_options(run.options, 1, capacity), capacity,
                          emit_limit(run));
  LikelihoodResult result;
  result.name = run.name;
  result.columns = {{"acc", {}}};
  if (items_.front().endings.size() > 1)
    result.columns.insert(result.columns.end(), {{"acc_norm_char", {}}, {"acc_norm_token", {}}});
  Progress progress;
  const int64_t start = now_ns();
  int64_t done = 0;
  for (const LikelihoodItem& item : items_) {
    progress.show(fmt::format("{} {}: item {} of {}", run.name, task(), done + 1, size()));
    result.interrupted = !finished([&] { mark(item, scorer, tokenizer, result); });
    if (result.interrupted) break;
    ++done;
  }
  progress.done(fmt::format("{} {}: {} of {} items in {}, acc {}", run.name, file(), done, size(),
                            format_ns(double(now_ns() - start)),
                            with_interval(accuracy_of(result.columns[0].marks))));
  results_.push_back(std::move(result));
}

std::vector<std::string> LikelihoodTask::group_names() const {
  std::vector<std::string> names;  // in the order of the file
  for (const LikelihoodItem& item : items_)
    if (!item.group.empty() && std::find(names.begin(), names.end(), item.group) == names.end())
      names.push_back(item.group);
  return names;
}

Marks LikelihoodTask::marks_of_group(const Marks& marks, const std::string& group) const {
  Marks some;
  for (size_t i = 0; i < marks.size(); ++i)
    if (items_[i].group == group) some.push_back(marks[i]);
  return some;
}

TaskVerdict LikelihoodTask::verdict(size_t run) const {
  return judge_answers(
      paired_test(results_.front().columns[0].marks, results_[run].columns[0].marks), drop());
}

OrderedJson LikelihoodTask::results() const {
  OrderedJson list = OrderedJson::array();
  for (const LikelihoodResult& result : results_) {
    OrderedJson json = {{"name", result.name}};
    json.update(accuracy_json(result.columns));
    json["interrupted"] = result.interrupted;
    OrderedJson groups = OrderedJson::object();
    for (const std::string& group : group_names()) {
      std::vector<MarkedItems> columns;
      for (const MarkedItems& column : result.columns)
        columns.push_back({column.metric, marks_of_group(column.marks, group)});
      groups[group] = accuracy_json(columns);
    }
    json["groups"] = std::move(groups);
    const bool paired = &result != &results_.front();
    for (size_t i = 0; i < result.columns.size(); ++i) {
      const std::string& metric = result.columns[i].metric;
      json[metric == "acc" ? "mcnemar" : "mcnemar_" + metric] =
          paired ? to_json(paired_test(results_.front().columns[i].marks, result.columns[i].marks))
                 : OrderedJson(nullptr);
    }
    json["verdict"] = verdict_json(*this, size_t(&result - results_.data()));
    list.push_back(std::move(json));
  }
  return list;
}

void LikelihoodTask::add_rows(TaskTables& to) const {
  for (const LikelihoodResult& result : results_) {
    std::vector<std::string> cells = {task(), short_name(file()), result.name,
                                      std::to_string(result.columns[0].marks.size())};
    for (size_t i = 0; i < 3; ++i)
      cells.push_back(
          i < result.columns.size() ? with_interval(accuracy_of(result.columns[i].marks)) : "-");
    const PairedTest test = paired_test(results_.front().columns[0].marks, result.columns[0].marks);
    const bool paired = &result != &results_.front() && test.n > 0;
    cells.push_back(paired ? fmt::format("-{} +{}", test.only_reference, test.only_candidate)
                           : "-");
    cells.push_back(paired ? format_number(test.p_value()) : "-");
    cells.push_back(paired && test.flips() ? std::to_string(test.items_for_one_percent()) : "-");
    cells.push_back(verdict_cell(*this, result.name, size_t(&result - results_.data()), to));
    to.accuracy.add(std::move(cells));
    for (const std::string& group : group_names()) {
      const Accuracy a = accuracy_of(marks_of_group(result.columns[0].marks, group));
      to.groups.add(
          {task(), short_name(file()), group, result.name, std::to_string(a.n), with_interval(a)});
    }
  }
}

}  // namespace qwench::bench
