// Running gnuplot. Its configuration files are not read (-d): a chart is the same for every user.
#include "bench/report/gnuplot.h"

#include <cstdlib>

#include "bench/support/child_process.h"
#include "engine/base/check.h"
#include "engine/base/json.h"

namespace qwench::bench::report {

namespace {

/// The chunk that says 11811 pixels a metre, which is 300 a inch, behind the header of a PNG file.
std::string with_resolution(std::string png) {
  constexpr size_t kHeaderEnd = 8 + 25;  // signature and IHDR
  constexpr unsigned char kChunk[] = {0,    0, 0, 9,    'p',  'H', 'Y',  's',  0,    0,   0x2E,
                                      0x23, 0, 0, 0x2E, 0x23, 1,   0x78, 0xA5, 0x3F, 0x76};
  if (png.size() > kHeaderEnd)
    png.insert(kHeaderEnd, reinterpret_cast<const char*>(kChunk), sizeof kChunk);
  return png;
}

}  // namespace

std::string gnuplot_program() {
  const char* named = std::getenv("QWENCH_GNUPLOT");
  return named && *named ? named : "gnuplot";
}

std::string draw_chart(const Chart& chart, ImageFormat format) {
  ChildSpec spec;
  spec.arguments = {gnuplot_program(), "-d", "-"};
  spec.input = chart_script(chart, format);
  ChildResult result = run_child(spec);
  if (result.start_error)
    fail(
        "gnuplot: expected a program that draws charts, got no {} ({}); install the package "
        "gnuplot-nox, or name the program in QWENCH_GNUPLOT",
        in_quotes(spec.arguments[0]), describe(result, spec));
  const bool png = format == ImageFormat::kPng;
  const std::string start = png ? "\x89PNG" : "<?xml";
  if (!result.ok() || result.output.rfind(start, 0) != 0)
    fail("gnuplot: expected {} to draw the chart {}, got {}", in_quotes(spec.arguments[0]),
         chart.id, describe(result, spec));
  return png ? with_resolution(std::move(result.output)) : std::move(result.output);
}

}  // namespace qwench::bench::report
