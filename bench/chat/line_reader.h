// Lines from a person or from a pipe: whatever their length, edited where there is a terminal.
#pragma once
#include <memory>
#include <string>

namespace qwench::bench {

enum class LineEvent { kLine, kDiscarded, kEnd };  // kDiscarded: Ctrl-C at the prompt

class LineReader {
 public:
  virtual ~LineReader() = default;

  /// One line without its end, "\r\n" or "\n"; what is pasted into a terminal is one line whatever
  /// ends it has inside. The prompt is shown on stderr where a person reads it.
  virtual LineEvent read(const std::string& prompt, std::string& line) = 0;
  /// What the arrow keys bring back, now and in later conversations.
  virtual void remember(const std::string& message);
};

/// stdin as a pipe or a file: no prompt, no history. The byte order mark at its start is left out.
std::unique_ptr<LineReader> make_pipe_reader();
/// A terminal without an editor: the last character and the line can be erased, no more.
std::unique_ptr<LineReader> make_plain_reader();
/// A terminal with libedit: arrow keys, history in `history_file` ("": none), paste of any length.
/// Null where this build or this terminal has none.
std::unique_ptr<LineReader> make_editing_reader(const std::string& history_file);

/// The one that fits stdin, stderr and TERM.
std::unique_ptr<LineReader> make_line_reader(const std::string& history_file);

/// A message: one line, several that end in a backslash, or a block between two """. `several`:
/// it is no single line that was typed, so it is no command.
LineEvent read_message(LineReader& reader, std::string& message, bool& several);

}  // namespace qwench::bench
