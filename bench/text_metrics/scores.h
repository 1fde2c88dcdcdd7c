// All text metrics of a list of predictions, for `score` and for prompts that a model answered.
#pragma once
#include <string>
#include <vector>

#include "bench/support/statistics.h"
#include "bench/text_metrics/bleu.h"
#include "bench/text_metrics/rouge.h"

namespace qwench::bench {

struct TextScores {
  std::vector<Rouge> rouge;           // per line
  std::vector<double> sentence_bleu;  // per line, 0 to 100
  Bleu corpus_bleu;
};

/// Contract: as many references as predictions. Precondition: valid UTF-8.
TextScores score_texts(const std::vector<std::string>& predictions,
                       const std::vector<std::string>& references);

}  // namespace qwench::bench
