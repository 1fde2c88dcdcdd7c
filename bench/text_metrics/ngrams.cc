// The clipped count is the size of a multiset intersection, so sorting replaces the counters.
#include "bench/text_metrics/ngrams.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <unordered_map>

#include "engine/base/check.h"

namespace qwench::bench {

namespace {

constexpr int kMaxN = 4;
using Ngram = std::array<int32_t, kMaxN>;  // unused places hold -1

std::vector<Ngram> sorted_ngrams(const std::vector<int32_t>& words, int n) {
  std::vector<Ngram> ngrams(size_t(count_ngrams(words.size(), n)), Ngram{-1, -1, -1, -1});
  for (size_t i = 0; i < ngrams.size(); ++i)
    std::copy_n(words.begin() + std::ptrdiff_t(i), n, ngrams[i].begin());
  std::sort(ngrams.begin(), ngrams.end());
  return ngrams;
}

}  // namespace

WordPair number_words(const std::vector<std::string>& prediction,
                      const std::vector<std::string>& reference) {
  std::unordered_map<std::string, int32_t> numbers;
  const auto number = [&](const std::vector<std::string>& words) {
    std::vector<int32_t> out;
    out.reserve(words.size());
    for (const std::string& word : words)
      out.push_back(numbers.emplace(word, int32_t(numbers.size())).first->second);
    return out;
  };
  WordPair pair;
  pair.prediction = number(prediction);
  pair.reference = number(reference);
  return pair;
}

int64_t count_ngrams(size_t n_words, int n) {
  return std::max<int64_t>(0, int64_t(n_words) - n + 1);
}

int64_t common_ngrams(const WordPair& pair, int n) {
  QWENCH_CHECK(n >= 1 && n <= kMaxN);
  const std::vector<Ngram> a = sorted_ngrams(pair.prediction, n);
  const std::vector<Ngram> b = sorted_ngrams(pair.reference, n);
  std::vector<Ngram> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return int64_t(common.size());
}

}  // namespace qwench::bench
