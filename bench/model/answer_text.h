// The text of an answer while it is made: shown as it comes, up to a text that ends it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/model/text_options.h"
#include "engine/text/stop_text.h"

namespace qwench::bench {

class AnswerText {
 public:
  /// shown: on stdout. Without a tokenizer the ids stand for the text. Borrows `text`.
  AnswerText(const TextModel& text, bool shown);

  /// False when this id completes a text that ends the answer.
  bool push(int32_t id);
  /// What was held back, and the end of the line.
  void finish();

  /// Without special tokens, and without the stop text and what comes after it.
  const std::string& text() const { return text_; }

 private:
  void show(const std::string& part);

  const TextModel& model_;
  bool shown_, any_ = false;
  std::string text_;
  std::optional<StreamDecoder> decoder_;
  StopText stop_;
  std::vector<int32_t> stop_ids_;  // special tokens, which have no text
};

}  // namespace qwench::bench
