// English-looking documents without an author: made from a seed, the same on every machine.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/text/tokenizer.h"

namespace qwench::bench {

/// A document of about `words` words about one subject: sentences with names, places and numbers.
std::string synthetic_document(uint64_t seed, int64_t words);

/// The signature and the comment of a function whose body is to be written.
std::string synthetic_function(uint64_t seed);

/// A question that can find the document again: its name and others of its words, `words` in all.
std::string synthetic_question(uint64_t seed, const std::string& document, int64_t words);

/// Text to ids below `vocab`: by the model's tokenizer or, where it has none, one id a word by the
/// word's hash.
class TextIds {
 public:
  /// tokenizer: may be null.
  TextIds(std::unique_ptr<Tokenizer> tokenizer, int64_t vocab)
      : tokenizer_(std::move(tokenizer)), vocab_(vocab) {}

  std::vector<int32_t> encode(const std::string& text) const;
  /// "model" or "one id a word: the model has none".
  std::string name() const;
  const Tokenizer* tokenizer() const { return tokenizer_.get(); }

 private:
  std::unique_ptr<Tokenizer> tokenizer_;
  int64_t vocab_;
};

}  // namespace qwench::bench
