// Formulas: rouge_scorer.py and scoring.py of rouge-score 0.1.2. matches / words of the prediction
// is precision, / words of the reference is recall, F1 their harmonic mean.
#include "bench/text_metrics/rouge.h"

#include <algorithm>

#include "bench/text_metrics/ngrams.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

/// str.lower() as far as a-z0-9 is concerned. Above ASCII only two characters become one of those:
/// U+0130 (I with dot: "i" and a combining dot) and U+212A (the Kelvin sign: "k").
std::string lower_ascii(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c >= 'A' && c <= 'Z') {
      out += char(c - 'A' + 'a');
    } else if (text.substr(i, 2) == "\xC4\xB0") {
      out += "i\xCC\x87", i += 1;
    } else if (text.substr(i, 3) == "\xE2\x84\xAA") {
      out += 'k', i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

PrecisionRecall score(int64_t matches, int64_t n_prediction, int64_t n_reference) {
  PrecisionRecall s;
  s.precision = double(matches) / double(std::max<int64_t>(n_prediction, 1));
  s.recall = double(matches) / double(std::max<int64_t>(n_reference, 1));
  if (s.precision + s.recall > 0) s.f1 = 2 * s.precision * s.recall / (s.precision + s.recall);
  return s;
}

PrecisionRecall ngram_score(const WordPair& words, int n) {
  return score(common_ngrams(words, n), count_ngrams(words.prediction.size(), n),
               count_ngrams(words.reference.size(), n));
}

/// Length of the longest common subsequence; one row of the table at a time.
int64_t common_subsequence(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  std::vector<int64_t> row(b.size() + 1, 0);
  for (const int32_t word : a) {
    int64_t diagonal = 0;  // the cell above and to the left
    for (size_t j = 0; j < b.size(); ++j) {
      const int64_t above = row[j + 1];
      row[j + 1] = word == b[j] ? diagonal + 1 : std::max(above, row[j]);
      diagonal = above;
    }
  }
  return row.back();
}

void add(PrecisionRecall& to, const PrecisionRecall& s, double weight) {
  to.precision += s.precision * weight;
  to.recall += s.recall * weight;
  to.f1 += s.f1 * weight;
}

OrderedJson score_json(const PrecisionRecall& s) {
  return {{"precision", s.precision}, {"recall", s.recall}, {"f1", s.f1}};
}

}  // namespace

std::vector<std::string> rouge_words(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  for (const char c : lower_ascii(text)) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter && !in_word) words.emplace_back();
    if (letter) words.back() += c;
    in_word = letter;
  }
  return words;
}

Rouge rouge(std::string_view prediction, std::string_view reference) {
  const WordPair words = number_words(rouge_words(prediction), rouge_words(reference));
  Rouge r;
  r.rouge1 = ngram_score(words, 1);
  r.rouge2 = ngram_score(words, 2);
  r.rougeL = score(common_subsequence(words.prediction, words.reference),
                   int64_t(words.prediction.size()), int64_t(words.reference.size()));
  return r;
}

Rouge mean(const std::vector<Rouge>& scores) {
  QWENCH_CHECK(!scores.empty());
  const double weight = 1.0 / double(scores.size());
  Rouge sum;
  for (const Rouge& s : scores) {
    add(sum.rouge1, s.rouge1, weight);
    add(sum.rouge2, s.rouge2, weight);
    add(sum.rougeL, s.rougeL, weight);
  }
  return sum;
}

OrderedJson to_json(const Rouge& r) {
  return {{"rouge1", score_json(r.rouge1)},
          {"rouge2", score_json(r.rouge2)},
          {"rougeL", score_json(r.rougeL)}};
}

}  // namespace qwench::bench
