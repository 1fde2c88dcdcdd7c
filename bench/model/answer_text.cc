// Ids -> characters -> text that no stop can reach -> stdout.
#include "bench/model/answer_text.h"

#include <algorithm>

#include "bench/support/output.h"

namespace qwench::bench {

AnswerText::AnswerText(const TextModel& text, bool shown)
    : model_(text), shown_(shown), stop_(text.stop_texts) {
  if (!text.tokenizer) return;
  decoder_.emplace(*text.tokenizer);
  for (const std::string& stop : text.stop_texts)
    if (const std::optional<int32_t> id = text.tokenizer->find(stop))
      if (text.tokenizer->is_special(*id)) stop_ids_.push_back(*id);
}

void AnswerText::show(const std::string& part) {
  text_ += part;
  if (shown_) print(part);
}

bool AnswerText::push(int32_t id) {
  any_ = true;
  if (!decoder_) {
    show(fmt::format("{}{}", text_.empty() ? "" : " ", id));
    return true;
  }
  if (!model_.has_text(id)) return true;
  show(stop_.push(decoder_->push(id)));
  return !stop_.found() && std::find(stop_ids_.begin(), stop_ids_.end(), id) == stop_ids_.end();
}

void AnswerText::finish() {
  if (decoder_) {
    show(stop_.push(decoder_->finish()));
    show(stop_.finish());
  }
  if (shown_ && any_) print("\n");
}

}  // namespace qwench::bench
