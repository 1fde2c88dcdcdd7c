// Prompts with a reference answer: greedy text compared with it by ROUGE, BLEU and metrics of the
// user's own.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "bench/tasks/task.h"
#include "bench/text_metrics/custom_metric.h"
#include "bench/text_metrics/scores.h"
#include "engine/model/session.h"

namespace qwench::bench {

struct PromptItem {
  std::string prompt, reference;
  int64_t max_new = 0;  // tokens
  std::string where;    // "file:line"
};

/// A JSON array of {"prompt", "reference", optional "max_new" (1 to 65536 tokens, default 128)}.
/// The first `limit` items where it is not 0. Error with file and line.
std::vector<PromptItem> read_prompts(const std::string& path, int64_t limit);

struct PromptResult {
  std::string name;
  bool interrupted = false;
  std::vector<std::string> predictions;  // of the first items
  // Of the predictions; nothing where there are none.
  TextScores scores;
  int64_t exact = 0;            // equal to the reference but for white space at the ends
  std::vector<double> metrics;  // means of the custom metrics
};

class PromptTask : public Task {
 public:
  /// Contract: at least one item.
  PromptTask(std::string file, double drop, std::vector<PromptItem> items,
             std::vector<CustomMetric> metrics)
      : Task("prompts", "generation", std::move(file), drop),
        items_(std::move(items)),
        metrics_(std::move(metrics)) {}

  int64_t size() const override { return int64_t(items_.size()); }
  void run(const TaskRun& run) override;
  /// By ROUGE-L. Of the custom metrics it is not known which way is better.
  size_t runs() const override { return results_.size(); }
  TaskVerdict verdict(size_t run) const override;
  OrderedJson results() const override;
  void add_rows(TaskTables& to) const override;

 private:
  std::vector<std::vector<int32_t>> encode(const TaskRun& run) const;
  void score(PromptResult& result) const;

  std::vector<PromptItem> items_;
  std::vector<CustomMetric> metrics_;
  std::vector<PromptResult> results_;
};

}  // namespace qwench::bench
