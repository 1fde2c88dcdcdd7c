// Colour is never alone: it repeats what a word says.
#include "bench/support/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "engine/base/check.h"

namespace qwench::bench {

namespace {

Terminal current;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value;
}

/// Of the terminal, else of COLUMNS; 0 where neither says it.
size_t columns_of_stdout() {
  constexpr size_t kLeast = 20;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return std::max<size_t>(kLeast, size.ws_col);
  const char* columns = std::getenv("COLUMNS");
  const long n = columns ? std::strtol(columns, nullptr, 10) : 0;
  return n > 0 ? std::max(kLeast, size_t(n)) : 0;
}

template <size_t n>
bool is_one_of(std::string_view text, const std::string_view (&words)[n]) {
  return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

/// Where a line may end behind a character.
bool may_break(char c) { return std::string_view(" ,;:=/_-|)").find(c) != std::string_view::npos; }

bool starts_character(char c) { return (c & 0xC0) != 0x80; }

/// Bytes of the longest beginning that fits; at least one character.
size_t fitting(std::string_view text, size_t width) {
  size_t characters = 0, end = 0, last_break = 0;
  for (; end < text.size(); ++end) {
    if (starts_character(text[end]) && ++characters > width) break;
    if (may_break(text[end])) last_break = end + 1;
  }
  if (end == text.size()) return end;
  if (text[end] == ' ') return end;  // the blank itself need not fit
  return last_break ? last_break : end;
}

}  // namespace

void detect_terminal() {
  const bool is_terminal = isatty(STDOUT_FILENO) == 1;
  const char* term = std::getenv("TERM");
  const bool dumb = term && std::string_view(term) == "dumb";
  const char* force = std::getenv("FORCE_COLOR");
  const bool forced = is_set("FORCE_COLOR") && std::string_view(force) != "0";
  current.columns = is_terminal ? columns_of_stdout() : 0;
  current.colour = !is_set("NO_COLOR") && (forced || (is_terminal && !dumb));
}

void set_terminal(const Terminal& terminal) { current = terminal; }

const Terminal& terminal() { return current; }

Tone tone_of(std::string_view verdict) {
  constexpr std::string_view kGood[] = {"better", "pass", "passed",        "fastest",
                                        "stable", "ok",   "became faster", "optimal batch size"};
  constexpr std::string_view kBad[] = {"worse",     "fail",         "failed", "unstable",
                                       "critical",  "wrong",        "error",  "wrong result",
                                       "regressed", "became slower"};
  constexpr std::string_view kUnsure[] = {"not_separated",   "warning",          "inconclusive",
                                          "unknown",         "unreachable here", "not applicable",
                                          "too few samples", "skipped"};
  if (is_one_of(verdict, kGood)) return Tone::kGood;
  if (is_one_of(verdict, kBad) || verdict.substr(0, 5) == "WRONG") return Tone::kBad;
  return is_one_of(verdict, kUnsure) ? Tone::kUnsure : Tone::kPlain;
}

std::string painted(const std::string& text, Tone tone) {
  if (!current.colour || tone == Tone::kPlain) return text;
  const char* code = tone == Tone::kGood ? "32" : tone == Tone::kBad ? "31" : "33";
  return std::string("\x1b[") + code + "m" + text + "\x1b[0m";
}

size_t width_of(std::string_view text) {
  return size_t(std::count_if(text.begin(), text.end(), starts_character));
}

size_t longest_piece(std::string_view text) {
  size_t longest = 1, piece = 0;
  for (const char c : text) {
    if (c != ' ' && starts_character(c)) longest = std::max(longest, ++piece);
    if (may_break(c)) piece = 0;
  }
  return longest;
}

std::vector<std::string> wrapped(const std::string& text, size_t width) {
  QWENCH_CHECK(width > 0);
  std::vector<std::string> lines;
  std::string_view rest = text;
  do {
    const size_t n = fitting(rest, width);
    std::string line(rest.substr(0, n));
    rest.remove_prefix(n);
    rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(' ')));
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  } while (!rest.empty());
  return lines;
}

}  // namespace qwench::bench
