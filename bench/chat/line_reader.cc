// What all readers share: which one fits, and how lines become a message.
#include "bench/chat/line_reader.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

#include "engine/base/affix.h"
#include "engine/text/utf8.h"

namespace qwench::bench {

namespace {

constexpr const char* kPrompt = "> ";
constexpr const char* kMore = "... ";  // the message goes on
constexpr std::string_view kQuotes = "\"\"\"";

class PipeReader : public LineReader {
 public:
  LineEvent read(const std::string&, std::string& line) override {
    if (!std::getline(std::cin, line)) return LineEvent::kEnd;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (first_ && line.compare(0, kByteOrderMark.size(), kByteOrderMark) == 0)
      line.erase(0, kByteOrderMark.size());
    first_ = false;
    return LineEvent::kLine;
  }

 private:
  bool first_ = true;
};

/// The lines of a block whose first line follows its opening quotes. One that nobody closed ends with
/// the input.
LineEvent read_block(LineReader& reader, std::string& message) {
  while (!ends_with(message, kQuotes)) {
    std::string line;
    const LineEvent event = reader.read(kMore, line);
    if (event == LineEvent::kDiscarded) return event;
    if (event == LineEvent::kEnd) return LineEvent::kLine;
    message += "\n" + line;
  }
  message.resize(message.size() - kQuotes.size());
  if (ends_with(message, "\n")) message.pop_back();
  return LineEvent::kLine;
}

}  // namespace

void LineReader::remember(const std::string&) {}

std::unique_ptr<LineReader> make_pipe_reader() { return std::make_unique<PipeReader>(); }

std::unique_ptr<LineReader> make_line_reader(const std::string& history_file) {
  if (isatty(STDIN_FILENO) != 1) return make_pipe_reader();
  const char* terminal = std::getenv("TERM");
  const bool edits =
      isatty(STDERR_FILENO) == 1 && terminal && *terminal && std::strcmp(terminal, "dumb") != 0;
  if (edits)
    if (std::unique_ptr<LineReader> reader = make_editing_reader(history_file)) return reader;
  return make_plain_reader();
}

LineEvent read_message(LineReader& reader, std::string& message, bool& several) {
  LineEvent event = reader.read(kPrompt, message);
  several = message.find('\n') != message.npos;
  if (event != LineEvent::kLine || several) return event;  // what was pasted is as it is
  const size_t first = message.find_first_not_of(" \t");
  if (first != message.npos && message.compare(first, kQuotes.size(), kQuotes) == 0) {
    several = true;
    message.erase(0, first + kQuotes.size());
    event = read_block(reader, message);
    if (event == LineEvent::kLine && !message.empty() && message[0] == '\n') message.erase(0, 1);
    return event;
  }
  while (ends_with(message, "\\")) {
    several = true;
    message.back() = '\n';
    std::string line;
    event = reader.read(kMore, line);
    if (event == LineEvent::kDiscarded) return event;
    if (event == LineEvent::kEnd) break;
    message += line;
  }
  return LineEvent::kLine;
}

}  // namespace qwench::bench
