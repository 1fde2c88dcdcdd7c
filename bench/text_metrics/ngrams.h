// What ROUGE and BLEU share: words as numbers, and how many n-grams two texts have in common.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace qwench::bench {

/// The words of two texts; equal words have equal numbers.
struct WordPair {
  std::vector<int32_t> prediction, reference;
};
WordPair number_words(const std::vector<std::string>& prediction,
                      const std::vector<std::string>& reference);

/// How many n-grams a text of `n_words` words has.
int64_t count_ngrams(size_t n_words, int n);

/// Sum over all n-grams of the smaller of their two counts ("clipped" matches). 1 <= n <= 4.
int64_t common_ngrams(const WordPair& pair, int n);

}  // namespace qwench::bench
