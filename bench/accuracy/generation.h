// How long a candidate's greedy continuation stays the reference's: reported beside the accuracy
// figures, because two nearly equal logits are enough to part two good models for ever. And how near its logits
// are when it decodes the reference's own tokens one by one: kernels of one row run nowhere else.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/accuracy/configured_model.h"
#include "bench/accuracy/scored_text.h"
#include "bench/accuracy/similarity.h"

namespace qwench::bench {

constexpr int64_t kLongestPrefix = 32;  // tokens of a prompt
constexpr int64_t kDecodedRows = 8;     // logits kept of decoding, of the first prompt

/// A greedy continuation of the reference and how clear each of its choices was.
struct Continuation {
  std::vector<int32_t> prompt, ids;
  std::vector<float> margins;  // of each id: its logit minus the next largest
  std::vector<float> decoded;  // [up to kDecodedRows, vocab]: logits behind each of the first ids
};

/// The first `n_prompts` documents' beginnings: half a document, at most
/// kLongestPrefix tokens.
std::vector<std::vector<int32_t>> document_prefixes(const ScoredText& text, int64_t n_prompts);

/// The model's own n ids after each prompt; `limit`: only ids below may be chosen. End-of-text
/// tokens do not end it. Logits are those behind its own ids, or behind those of `reference`, made from the same
/// prompts. NonfiniteError as a session's.
std::vector<Continuation> continue_all(const ConfiguredModel& model,
                                       const std::vector<std::vector<int32_t>>& prompts, int64_t n,
                                       int64_t limit,
                                       const std::vector<Continuation>* reference = nullptr);

/// A candidate's continuation of one prompt beside the reference's.
struct GenerationMatch {
  int64_t prompt_tokens = 0, n = 0;
  int64_t exact_prefix = 0;     // ids before the first that differs; n when none does
  std::optional<float> margin;  // of the reference where they part
  int64_t edit_distance = 0;    // insertions, deletions and replacements of tokens
};

struct GenerationSimilarity {
  std::vector<GenerationMatch> matches;
  Similarity decoded;  // of the logits of decoding; of nothing where nothing was decoded

  int64_t identical() const;          // continuations without a difference
  double mean_exact_prefix() const;   // as a part of n
  double mean_edit_distance() const;  // as a part of n
};

GenerationSimilarity compare_continuations(const std::vector<Continuation>& reference,
                                           const std::vector<Continuation>& candidate);

/// {"prompts", "tokens", "identical", "exact_prefix", "edit_distance" (both parts of "tokens"),
/// "decode_relative_l2" (of logits; null: nothing was decoded), "matches":
/// [{..., "exact_prefix", "edit_distance" (both in tokens)}]}.
OrderedJson to_json(const GenerationSimilarity& similarity);

}  // namespace qwench::bench
