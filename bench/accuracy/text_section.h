// The main part of `qwench accuracy`: candidates against the reference over one text.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/accuracy/scored_text.h"
#include "bench/accuracy/tolerance.h"

namespace qwench::bench {

struct TextSectionArgs {
  int64_t n_generated = 32;  // tokens per prompt; 0: no generation
  int64_t n_prompts = 8;
  int64_t emit_limit = 0;  // only ids below may be generated
  uint64_t seed = 1;       // of the bootstrap
  /// For each model the index of the one that runs reference kernels on its weights; 0: none is needed. Models
  /// that are such an index have no row of their own and come last. Empty: 0 for all.
  std::vector<size_t> same_weights = {};
};

/// What is known about the text and what was found in it.
struct TextReport {
  ScoredText text;
  int64_t window = 0;  // tokens of the first
  int64_t n_windows_run = 0;
  std::string reference_name;
  OrderedJson reference_description;  // ConfiguredModel::to_json()
  ReferenceScore reference;
  Stability reference_stability;
  bool kld_is_lower_bound = false;  // against a file that holds the top tokens only
  bool with_floor = false;          // the first row is the reference once more, with other threads
  std::vector<CandidateResult> rows;
  bool interrupted = false;  // figures are of the windows before

  /// Every row within its tolerances.
  bool pass(const Tolerances& tolerances) const;
  /// What a row's PASS rests on: "9205 tokens", "511 of 9205 tokens (interrupted)".
  std::string scope(const CandidateResult& row) const;
};

/// Runs the text window by window on `models`: the reference, the floor where there is one, the
/// candidates, then models of their weights. Ends early on Ctrl-C.
TextReport compare_over_text(const std::vector<std::unique_ptr<ConfiguredModel>>& models,
                             bool with_floor, ScoredText text, const TextSectionArgs& args);

/// {"text", "reference", "floor", "candidates"}: members of the report's document.
OrderedJson to_json(const TextReport& report, const Tolerances& tolerances);
/// Tables for people, ending with a sentence per candidate.
std::string to_string(const TextReport& report, const Tolerances& tolerances);

}  // namespace qwench::bench
