// The two streams: results go to stdout, everything said to a person goes to stderr.
#pragma once
#include <string>
#include <string_view>

#include "engine/base/json.h"

namespace qwench::bench {

/// Writes to stdout and flushes; Error when stdout is closed or full. A terminal gets control
/// characters made visible, see visible.h.
void print(std::string_view text);
/// One line to stderr, likewise.
void note(std::string_view text);

/// The document indented by two; bytes that are not UTF-8 become U+FFFD. Ends with a newline.
std::string to_text(const OrderedJson& document);
/// One line, non-ASCII escaped: readers that also split at U+2028 or U+0085 see one line too.
std::string to_line(const OrderedJson& document);

/// A cell of CSV: quoted where a comma, quote or line break would end it early.
std::string csv_cell(const std::string& text);

/// Replaces the file as a whole; Error naming it when that fails.
void write_text_file(const std::string& path, std::string_view text);

/// A value that may be missing: null in JSON, never 0.
OrderedJson number_or_null(double value, bool known);
OrderedJson text_or_null(const std::string& text);  // "" is missing
/// NaN and Inf, which JSON cannot hold, are missing.
OrderedJson finite_or_null(double value);

/// A line on stderr that is rewritten in place on a terminal and printed once per `done` elsewhere.
class Progress {
 public:
  Progress();
  ~Progress();
  /// Shows the text instead of the one before; only on a terminal, ten times a second at most.
  void show(std::string_view text);
  /// Leaves a last text on its own line, wherever stderr goes.
  void done(std::string_view text);

 private:
  void erase();
  bool terminal_;
  size_t shown_ = 0;
  int64_t last_ns_ = 0;
};

/// Nanoseconds on a clock that only moves forward.
int64_t now_ns();

}  // namespace qwench::bench
