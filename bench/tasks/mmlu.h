// MMLU: the published CSV files (question,A,B,C,D,answer; no header line), their release folder, or
// JSON lines of one's own.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "bench/tasks/likelihood_task.h"

namespace qwench::bench {

struct MmluQuestion {
  std::string question;
  std::vector<std::string> choices;  // 4
  int64_t answer = 0;                // 0 to 3
  std::string subject;               // "" where the file does not say
  std::string group, where;          // where: "file:line"
};

struct MmluSet {
  std::vector<MmluQuestion> test;
  std::vector<MmluQuestion> shots;  // examples that may stand in the prompt
};

/// A CSV file (its subject and its examples by the names of the release: test/SUBJECT_test.csv,
/// dev/SUBJECT_dev.csv), the release folder, or JSON lines {"question", "choices": [4], "answer":
/// 0..3 or "A".."D", optional "subject", "group" and "split": "dev" for an example}. At most
/// `limit` questions of each file where it is not 0. Error with file and line on anything else.
MmluSet read_mmlu(const std::string& path, int64_t limit);

/// The prompts of lm-evaluation-harness: "The following are multiple choice questions (with
/// answers) about SUBJECT." where there is a subject, `shots` answered examples of that subject,
/// the question with its choices, "Answer:"; the endings are " A" to " D". Groups: the question's
/// own, else its subject. Error when a subject has fewer examples.
std::vector<LikelihoodItem> mmlu_items(const MmluSet& set, int64_t shots, const std::string& path);

}  // namespace qwench::bench
