// The log of bench/support/append_log.h: a conversation that is killed loses nothing, and two at once
// mix their lines.
#include "bench/chat/history_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "bench/support/append_log.h"
#include "bench/support/output.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestEntry = 64 << 10;
constexpr size_t kKept = 1000, kMostLines = 4000;  // a longer file is cut back when it is opened

/// Made for the owner alone; what is there already stays as it is.
void make_private_file(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  if (!folder.parent_path().empty()) fs::create_directories(folder.parent_path());
  if (::mkdir(folder.c_str(), 0700) != 0 && !fs::is_directory(folder))
    fail("{}: cannot be made", folder.string());
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor >= 0) ::close(descriptor);
}

}  // namespace

std::string default_history_file() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  fs::path folder;
  if (state && state[0] == '/')  // the specification: a relative one is ignored
    folder = state;
  else if (home && *home)
    folder = fs::path(home) / ".local" / "state";
  else
    return "";
  return (folder / "qwench" / "chat_history").string();
}

std::optional<HistoryFile> HistoryFile::open(const std::string& path) {
  HistoryFile file(path);
  try {
    make_private_file(path);
    file.read();
  } catch (const std::exception& error) {
    note(fmt::format("note: no history: {}; --no-history does without", error.what()));
    return std::nullopt;
  }
  return file;
}

void HistoryFile::read() {
  size_t lines = 0;
  for (const Json& entry : read_append_log(path_)) {
    ++lines;
    if (entry.is_string()) entries_.push_back(entry.get<std::string>());
  }
  if (entries_.size() > kKept)
    entries_.erase(entries_.begin(), entries_.end() - std::ptrdiff_t(kKept));
  if (lines <= kMostLines) return;
  std::string text;
  for (const std::string& entry : entries_) text += to_line(entry);
  write_text_file(path_, text);
  fs::permissions(path_, fs::perms::owner_read | fs::perms::owner_write);
}

void HistoryFile::append(const std::string& message) {
  if (failed_ || message.size() > kLongestEntry) return;
  if (!entries_.empty() && entries_.back() == message) return;
  entries_.push_back(message);
  try {
    AppendLog(path_).append(message);
  } catch (const Error& error) {
    failed_ = true;
    note(fmt::format("note: the history is not kept: {}", error.what()));
  }
}

}  // namespace qwench::bench
