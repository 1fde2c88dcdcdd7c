// Texts that end an answer, looked for while it streams: what is handed out never contains one, nor
// the beginning of one that the next characters may complete.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace qwench {

class StopText {
 public:
  /// Contract: no stop is empty.
  explicit StopText(std::vector<std::string> stops);

  /// The text that no stop can reach any more. Once a stop is found, what stands before it; nothing
  /// after that.
  std::string push(std::string_view text);
  /// What was held back at the end; nothing once a stop was found.
  std::string finish();
  bool found() const { return found_; }

 private:
  size_t held_back() const;

  std::vector<std::string> stops_;
  std::string pending_;  // shorter than the longest stop
  bool found_ = false;
};

}  // namespace qwench
