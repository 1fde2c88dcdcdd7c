// What was typed in earlier conversations: a file that only its owner can read, a JSON text a line.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace qwench::bench {

/// $XDG_STATE_HOME/qwench/chat_history, else ~/.local/state/qwench/chat_history; "" without a home.
std::string default_history_file();

class HistoryFile {
 public:
  /// Reads the entries and makes file and folder where they are missing. Nothing, with a note that
  /// says why, where that is not possible.
  static std::optional<HistoryFile> open(const std::string& path);

  /// Oldest first.
  const std::vector<std::string>& entries() const { return entries_; }
  /// Nothing for the last entry again and for a text of more than 64 KiB. A failure is said once.
  void append(const std::string& message);

 private:
  explicit HistoryFile(std::string path) : path_(std::move(path)) {}
  void read();

  std::string path_;
  std::vector<std::string> entries_;
  bool failed_ = false;
};

}  // namespace qwench::bench
