// HellaSwag: which of four endings goes on from a context. JSON lines of the original release, or
// llama.cpp's text form.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "bench/tasks/likelihood_task.h"

namespace qwench::bench {

/// JSON lines {"ctx" or "ctx_a" + "ctx_b", "endings": [4], "label": 0..3 as number or text}, or
/// text of six lines an item (context, label, four endings). A file is JSON when it ends in .json
/// or .jsonl or begins with '{'. Lines with an "activity_label" are from the release and are
/// prepared as lm-evaluation-harness does; the others are taken as they are. An "activity_label"
/// is no group; "group" is. The first `limit` items where it is not 0. Error with file and line.
std::vector<LikelihoodItem> read_hellaswag(const std::string& path, int64_t limit);

/// lm-evaluation-harness' preprocess(): " [title]" becomes ". ", other bracketed marks of WikiHow
/// go, as does one of two blanks.
std::string prepare_hellaswag_text(const std::string& text);

}  // namespace qwench::bench
