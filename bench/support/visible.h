// What a terminal would obey, made visible: text of files, paths and models cannot move the cursor,
// rename the window or type into the shell.
#pragma once
#include <string>
#include <string_view>

namespace qwench::bench {

/// Control characters but "\n" and "\t", U+0080 to U+009F and bytes that are not UTF-8 as "\x1b",
/// "\u009b", "\xff". The plain colours and weights that the program itself writes (ESC [ 0-97 m) stay.
std::string visible(std::string_view text);

/// What is written to this descriptor: visible() on a terminal, elsewhere the text as it is.
std::string for_descriptor(int descriptor, std::string_view text);

}  // namespace qwench::bench
