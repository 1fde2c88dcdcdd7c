// Tasks that are scored without generating: the likeliest of several endings (MMLU, HellaSwag), or
// one answer that greedy decoding would have given (retrieval).
#pragma once
#include <string>
#include <vector>

#include "bench/tasks/likelihood.h"
#include "bench/tasks/significance.h"
#include "bench/tasks/task.h"

namespace qwench::bench {

struct Ending {
  std::string continuation;  // what follows the context, a blank in front included
  int64_t characters = 0;    // code points of the ending itself: lm-eval's length
};

struct LikelihoodItem {
  std::string context;
  std::vector<Ending> endings;  // one: right when greedy decoding gives it
  int64_t answer = 0;           // index of the right ending
  std::string group;            // "": belongs to none
  std::string where;            // "file:line"
};

/// One way of marking the items, under the name it has in reports.
struct MarkedItems {
  std::string metric;  // acc, acc_norm_char, acc_norm_token
  Marks marks;
};

struct LikelihoodResult {
  std::string name;
  bool interrupted = false;
  std::vector<MarkedItems> columns;  // the same metrics in every result of a task
};

class LikelihoodTask : public Task {
 public:
  /// Contract: at least one item, and all of them with the same number of endings.
  LikelihoodTask(std::string task, std::string file, double drop, std::string note,
                 std::vector<LikelihoodItem> items);

  int64_t size() const override { return int64_t(items_.size()); }
  std::string note() const override { return note_; }
  void run(const TaskRun& run) override;
  size_t runs() const override { return results_.size(); }
  TaskVerdict verdict(size_t run) const override;
  OrderedJson results() const override;
  void add_rows(TaskTables& to) const override;

 private:
  int64_t longest(const Tokenizer& tokenizer) const;
  void mark(const LikelihoodItem& item, LikelihoodScorer& scorer, const Tokenizer& tokenizer,
            LikelihoodResult& result) const;
  std::vector<std::string> group_names() const;
  Marks marks_of_group(const Marks& marks, const std::string& group) const;

  std::string note_;
  std::vector<LikelihoodItem> items_;
  std::vector<LikelihoodResult> results_;
};

/// Index of the largest; the first of equals. Contract: not empty.
int64_t index_of_max(const std::vector<double>& values);

}  // namespace qwench::bench
