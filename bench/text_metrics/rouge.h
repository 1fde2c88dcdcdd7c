// ROUGE-1, ROUGE-2 and ROUGE-L as Google's rouge-score 0.1.2 computes them without its stemmer:
// lower case, everything but a-z and 0-9 is a gap between words. Scripts without a-z (Chinese,
// Cyrillic) therefore have no words and score 0.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench {

/// What the figures were computed as.
constexpr const char* kRougeSignature = "rouge-score 0.1.2, no stemmer";

/// Fractions in [0, 1]; 0 where there is nothing to divide by.
struct PrecisionRecall {
  double precision = 0, recall = 0, f1 = 0;
};

struct Rouge {
  PrecisionRecall rouge1, rouge2, rougeL;  // words, word pairs, longest common subsequence
};

/// The words that ROUGE sees. Precondition: valid UTF-8.
std::vector<std::string> rouge_words(std::string_view text);

/// Time of ROUGE-L: words of the one times words of the other. Precondition: valid UTF-8.
Rouge rouge(std::string_view prediction, std::string_view reference);

/// Mean of each of the nine numbers. Contract: at least one score.
Rouge mean(const std::vector<Rouge>& scores);

/// {"rouge1": {"precision", "recall", "f1"}, "rouge2": ..., "rougeL": ...}.
OrderedJson to_json(const Rouge& rouge);

}  // namespace qwench::bench
