// A terminal that has no editor here. Its own line mode cuts a line at 4095 bytes, so lines are put
// together from characters; what that mode does (echo, erase, kill, end of file) is done here.
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "bench/chat/line_reader.h"
#include "bench/support/visible.h"

namespace qwench::bench {

namespace {

void show(const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(STDERR_FILENO, text.data() + at, text.size() - at);
    if (n < 0 && errno != EINTR) return;  // nobody is looking
    if (n > 0) at += size_t(n);
  }
}

/// Characters as they come, without echo, for as long as it lives.
class CharacterMode {
 public:
  CharacterMode() : known_(tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!known_) return;
    termios now = before_;
    now.c_lflag &= ~tcflag_t(ICANON | ECHO);
    now.c_cc[VMIN] = 1, now.c_cc[VTIME] = 0;
    now.c_cc[VINTR] = _POSIX_VDISABLE;  // Ctrl-C comes as a character
    tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
  }
  CharacterMode(const CharacterMode&) = delete;
  CharacterMode& operator=(const CharacterMode&) = delete;
  ~CharacterMode() {
    if (known_) tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }

  bool is(char c, int role) const { return known_ && cc_t(c) == before_.c_cc[role] && c != '\0'; }

 private:
  termios before_{};
  bool known_;
};

class PlainReader : public LineReader {
 public:
  LineEvent read(const std::string& prompt, std::string& line) override {
    const CharacterMode mode;
    line.clear();
    show(prompt);
    for (char c;;) {
      const ssize_t n = ::read(STDIN_FILENO, &c, 1);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0 || (mode.is(c, VEOF) && line.empty())) return end("\n", LineEvent::kEnd);
      if (c == '\n' || c == '\r') return end("\n", LineEvent::kLine);
      if (mode.is(c, VINTR)) return end("^C\n", LineEvent::kDiscarded);
      put(c, mode, line);
    }
  }

 private:
  static LineEvent end(const char* shown, LineEvent event) {
    show(shown);
    return event;
  }

  static void put(char c, const CharacterMode& mode, std::string& line) {
    if (mode.is(c, VERASE) || c == '\b') {
      erase_character(line);
    } else if (mode.is(c, VKILL)) {
      while (!line.empty()) erase_character(line);
    } else if (!mode.is(c, VEOF)) {
      line += c;
      const bool control = uint8_t(c) < 0x20 && c != '\t';
      show(control ? visible(std::string(1, c)) : std::string(1, c));
    }
  }

  static void erase_character(std::string& line) {
    if (line.empty()) return;
    while (line.size() > 1 && (uint8_t(line.back()) & 0xC0) == 0x80) line.pop_back();
    line.pop_back();
    show("\b \b");
  }
};

}  // namespace

std::unique_ptr<LineReader> make_plain_reader() { return std::make_unique<PlainReader>(); }

}  // namespace qwench::bench
