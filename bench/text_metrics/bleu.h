// BLEU as sacreBLEU 2.6 computes it with its defaults: the 13a tokenizer, 1- to 4-grams, one
// reference, case kept, exponential smoothing, brevity penalty. 13a splits Western text; Chinese
// and Japanese come out as whole runs and want another tokenizer.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qwench::bench {

/// Counts that add up over sentences; index i is that of (i + 1)-grams.
struct BleuCounts {
  std::array<int64_t, 4> matches{}, ngrams{};  // clipped matches; n-grams of the prediction
  int64_t prediction_words = 0, reference_words = 0;

  BleuCounts& operator+=(const BleuCounts& o);
};

struct Bleu {
  double score = 0;                    // 0 to 100
  std::array<double, 4> precisions{};  // percent, smoothed
  double brevity_penalty = 1;          // 0 to 1
};

/// What the figures were computed with, in sacreBLEU's own words: corpus and sentence BLEU.
constexpr const char* kBleuSignature = "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0";
constexpr const char* kSentenceBleuSignature =
    "nrefs:1|case:mixed|eff:yes|tok:13a|smooth:exp|version:2.6.0";

/// The words after 13a tokenisation. Precondition: valid UTF-8.
std::vector<std::string> tokenize_13a(std::string_view text);

/// Precondition: valid UTF-8.
BleuCounts count_bleu(std::string_view prediction, std::string_view reference);

/// Corpus BLEU of summed counts.
Bleu corpus_bleu(const BleuCounts& counts);

/// BLEU of one sentence: orders that the prediction is too short for are left out ("effective
/// order").
Bleu sentence_bleu(const BleuCounts& counts);

}  // namespace qwench::bench
