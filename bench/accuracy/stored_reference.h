// The reference in a file instead of in memory: writing it with one configuration, and comparing
// others with it one after the other.
#pragma once
#include <string>
#include <vector>

#include "bench/accuracy/text_section.h"

namespace qwench::bench {

struct StoredReferenceArgs {
  std::string file;
  int64_t window = 0;  // as the text was cut
  uint64_t seed = 1;   // of the bootstrap
};

/// Runs the text and writes the distributions of its scored positions.
void dump_reference(const ConfiguredModel& model, const ScoredText& text,
                    const StoredReferenceArgs& args);

/// Loads one candidate after the other and compares it with the file. No layers, no continuations,
/// and KL divergences are lower bounds. Error when the file is of another text. Ends early on
/// Ctrl-C, with the candidates and windows until then.
TextReport compare_against(std::vector<OpenedModel> candidates, ScoredText text,
                           const StoredReferenceArgs& args);

}  // namespace qwench::bench
