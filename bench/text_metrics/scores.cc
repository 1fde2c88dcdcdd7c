// Corpus BLEU is of summed counts, not a mean of sentences.
#include "bench/text_metrics/scores.h"

#include "engine/base/check.h"

namespace qwench::bench {

TextScores score_texts(const std::vector<std::string>& predictions,
                       const std::vector<std::string>& references) {
  QWENCH_CHECK(predictions.size() == references.size());
  TextScores scores;
  BleuCounts corpus;
  for (size_t i = 0; i < predictions.size(); ++i) {
    const BleuCounts counts = count_bleu(predictions[i], references[i]);
    scores.rouge.push_back(rouge(predictions[i], references[i]));
    scores.sentence_bleu.push_back(sentence_bleu(counts).score);
    corpus += counts;
  }
  scores.corpus_bleu = corpus_bleu(corpus);
  return scores;
}

}  // namespace qwench::bench
