// The text lies ready for the handler of a crash, which can do nothing but write it.
#include "bench/support/last_words.h"

#include <exception>
#include <utility>

#include "bench/support/output.h"
#include "cpu/cpu_backend.h"

namespace qwench::bench {

LastWords::LastWords() : exceptions_(std::uncaught_exceptions()) {}

LastWords::~LastWords() {
  cpu::set_last_words(nullptr, 0);
  if (text_.empty() || std::uncaught_exceptions() == exceptions_) return;
  try {
    print(text_);
  } catch (const std::exception&) {  // the error that ends the command is said, not this one
  }
}

void LastWords::set(std::string text) {
  before_ = std::exchange(text_, std::move(text));
  cpu::set_last_words(text_.data(), text_.size());
}

}  // namespace qwench::bench
