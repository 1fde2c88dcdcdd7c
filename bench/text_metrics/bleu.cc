// Sources: tokenizer_13a.py, tokenizer_re.py and bleu.py of sacreBLEU 2.6.0. The four regular
// expressions of 13a are four passes over bytes: each looks at ASCII characters and at whether a
// neighbour is a digit, and every byte of a longer UTF-8 character is "no digit" as the whole is.
#include "bench/text_metrics/bleu.h"

#include <algorithm>
#include <cmath>

#include "bench/text_metrics/ngrams.h"
#include "bench/text_metrics/python_text.h"

namespace qwench::bench {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_stop(char c) { return c == '.' || c == ','; }

/// [\{-\~\[-\` -\&\(-\+\:-\@\/]: ASCII signs other than ' , - and the full stop.
bool is_sign(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
         (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

std::string space_signs(const std::string& in) {
  std::string out;
  for (const char c : in) {
    if (is_sign(c))
      (out += ' ').append(1, c) += ' ';
    else
      out += c;
  }
  return out;
}

/// Replaces each pair of neighbours that `matches`, from left to right and without overlap, by
/// before + first + between + second + after.
template <class Matches>
std::string space_pairs(const std::string& in, Matches&& matches, const char* before,
                        const char* after) {
  std::string out;
  for (size_t i = 0; i < in.size(); ++i) {
    if (i + 1 < in.size() && matches(in[i], in[i + 1])) {
      ((out += before).append(1, in[i]) += ' ').append(1, in[i + 1]) += after;
      ++i;
    } else {
      out += in[i];
    }
  }
  return out;
}

Bleu score(const BleuCounts& counts, bool effective_order) {
  Bleu b;
  if (counts.prediction_words < counts.reference_words)
    b.brevity_penalty =
        counts.prediction_words
            ? std::exp(1 - double(counts.reference_words) / double(counts.prediction_words))
            : 0;
  if (std::all_of(counts.matches.begin(), counts.matches.end(), [](int64_t n) { return n == 0; }))
    return b;
  double smoothing = 1;
  size_t orders = 4;
  for (size_t i = 0; i < 4 && counts.ngrams[i] > 0; ++i) {
    if (effective_order) orders = i + 1;
    if (counts.matches[i] == 0) smoothing *= 2;
    const double matches = counts.matches[i] ? double(counts.matches[i]) : 1 / smoothing;
    b.precisions[i] = 100 * matches / double(counts.ngrams[i]);
  }
  double log_sum = 0;  // an order without any n-gram (and without smoothing) makes the score 0
  for (size_t i = 0; i < orders; ++i)
    log_sum += b.precisions[i] > 0 ? std::log(b.precisions[i]) : -9999999999.0;
  b.score = b.brevity_penalty * std::exp(log_sum / double(orders));
  return b;
}

}  // namespace

BleuCounts& BleuCounts::operator+=(const BleuCounts& o) {
  for (size_t i = 0; i < 4; ++i) matches[i] += o.matches[i], ngrams[i] += o.ngrams[i];
  prediction_words += o.prediction_words;
  reference_words += o.reference_words;
  return *this;
}

std::vector<std::string> tokenize_13a(std::string_view text) {
  std::string line(python_rstrip(text));
  line = python_replace(line, "<skipped>", "");
  line = python_replace(line, "-\n", "");
  line = python_replace(line, "\n", " ");
  line = python_replace(line, "&quot;", "\"");
  line = python_replace(line, "&amp;", "&");
  line = python_replace(line, "&lt;", "<");
  line = python_replace(line, "&gt;", ">");
  line = space_signs(" " + line + " ");
  line = space_pairs(
      line, [](char a, char b) { return !is_digit(a) && is_stop(b); }, "", " ");
  line = space_pairs(
      line, [](char a, char b) { return is_stop(a) && !is_digit(b); }, " ", "");
  line = space_pairs(
      line, [](char a, char b) { return is_digit(a) && b == '-'; }, "", " ");
  std::vector<std::string> words;
  for (const std::string_view word : python_split(line)) words.emplace_back(word);
  return words;
}

BleuCounts count_bleu(std::string_view prediction, std::string_view reference) {
  const WordPair words = number_words(tokenize_13a(prediction), tokenize_13a(reference));
  BleuCounts counts;
  for (int n = 1; n <= 4; ++n) {
    counts.matches[size_t(n) - 1] = common_ngrams(words, n);
    counts.ngrams[size_t(n) - 1] = count_ngrams(words.prediction.size(), n);
  }
  counts.prediction_words = int64_t(words.prediction.size());
  counts.reference_words = int64_t(words.reference.size());
  return counts;
}

Bleu corpus_bleu(const BleuCounts& counts) { return score(counts, false); }
Bleu sentence_bleu(const BleuCounts& counts) { return score(counts, true); }

}  // namespace qwench::bench
