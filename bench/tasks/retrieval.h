// Retrieval ("needle in a haystack"): a fact stands somewhere in a long context; is it found?
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "bench/tasks/likelihood_task.h"

namespace qwench::bench {

/// JSON lines {"context", "question" (may be ""), "answer", optional "length": an integer by which
/// results are grouped}. The prompt is context + question and the answer follows it as written, so
/// a blank between them belongs to one of the three. Right when greedy decoding gives the answer.
/// The first `limit` items where it is not 0. Error with file and line.
std::vector<LikelihoodItem> read_retrieval(const std::string& path, int64_t limit);

}  // namespace qwench::bench
