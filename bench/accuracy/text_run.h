// From a plan to the text section of the report: which text, which models, and whether they fit.
#pragma once
#include <memory>
#include <vector>

#include "bench/accuracy/configured_model.h"
#include "bench/accuracy/plan.h"

namespace qwench::bench {

/// Compares over the plan's text, writes the reference to a file or compares with one. Returns the
/// models where they are still loaded (reference, floor, candidates). UsageError where there is no
/// text or tokenizer, Error when the models do not fit together or read the text differently.
std::vector<std::unique_ptr<ConfiguredModel>> run_text(const Plan& plan, Findings& findings);

}  // namespace qwench::bench
