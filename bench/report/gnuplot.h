// Charts drawn by the program gnuplot, if there is one. All text that reaches it stands in single
// quotes, where it expands and runs nothing.
#pragma once
#include <string>

#include "bench/report/tables.h"

namespace qwench::bench::report {

enum class ImageFormat : unsigned char { kSvg, kPng };

/// $QWENCH_GNUPLOT, else "gnuplot".
std::string gnuplot_program();

/// The text in single quotes: quotes are doubled, control characters and backticks are taken out, and
/// more than `most` characters are cut.
std::string gnuplot_quoted(const std::string& text, int most = 70);

/// Commands that draw the chart on stdout; data are inline. PNG: 9 inches wide at 300 dpi.
std::string chart_script(const Chart& chart, ImageFormat format);

/// The image. Error: no such program (says what to install), it failed, or it took more than 30 s.
std::string draw_chart(const Chart& chart, ImageFormat format);

}  // namespace qwench::bench::report
