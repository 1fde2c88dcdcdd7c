// What a command has measured so far, printed when it ends before its report: by an error, or by a plug-in
// that crashes or hangs (cpu/cpu_backend.h).
#pragma once
#include <string>

namespace qwench::bench {

class LastWords {
 public:
  LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
  /// Prints the text where an exception ends the scope.
  ~LastWords();

  /// The text instead of the one before; whole lines.
  void set(std::string text);

 private:
  int exceptions_;
  std::string text_, before_;  // a crash on another thread may still be writing the one before
};

}  // namespace qwench::bench
