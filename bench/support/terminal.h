// What stdout can show: its width, and colours. Files and pipes get plain text of any width; so does
// every test, because only the program itself looks.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace qwench::bench {

struct Terminal {
  size_t columns = 0;   // 0: no terminal, any width
  bool colour = false;  // NO_COLOR is not set
};

/// Looks at stdout and at NO_COLOR, FORCE_COLOR (colours also into a pipe), TERM and COLUMNS. Called
/// once by main.
void detect_terminal();
/// For tests.
void set_terminal(const Terminal& terminal);
const Terminal& terminal();

/// What a word of a verdict means to its reader.
enum class Tone : unsigned char { kPlain, kGood, kBad, kUnsure };
/// "pass" is good, "fail" bad, "not_separated" unsure; any other text is plain.
Tone tone_of(std::string_view verdict);

/// The text in the colour of the tone, where there are colours.
std::string painted(const std::string& text, Tone tone);

/// Characters, of UTF-8.
size_t width_of(std::string_view text);
/// Of the longest part that a line break need not divide.
size_t longest_piece(std::string_view text);
/// Lines of at most `width` characters, broken behind blanks and signs, inside a word only where it is
/// longer than a line. Contract: width > 0.
std::vector<std::string> wrapped(const std::string& text, size_t width);

}  // namespace qwench::bench
