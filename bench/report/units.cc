// Families are tables of sizes, smallest first. Bandwidths are decimal; sizes are shown in the binary
// units of all commands (format_bytes.h), whichever they are measured in.
#include "bench/report/units.h"

#include <cmath>
#include <vector>

#include "bench/report/tables.h"

namespace qwench::bench::report {

namespace {

struct Step {
  const char* name;
  double size;       // in the base unit of the family
  double least = 1;  // of this unit, for it to be used
};
using Family = std::vector<Step>;

const std::vector<Family>& families() {
  static const std::vector<Family> kFamilies = {
      {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"min", 60, 2}, {"h", 3600, 2}},
      {{"B", 1}, {"KiB", 1024.0}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}},
      {{"B/s", 1}, {"kB/s", 1e3}, {"MB/s", 1e6}, {"GB/s", 1e9}, {"TB/s", 1e12}},
      {{"FLOP/s", 1}, {"MFLOP/s", 1e6}, {"GFLOP/s", 1e9}, {"TFLOP/s", 1e12}},
      {{"op/s", 1}, {"thousand op/s", 1e3}, {"million op/s", 1e6}, {"billion op/s", 1e9}},
      {{"uJ/token", 1e-6}, {"mJ/token", 1e-3}, {"J/token", 1}},
      {{"weights", 1}, {"thousand", 1e3}, {"million", 1e6}, {"billion", 1e9}}};
  return kFamilies;
}

/// Units that a figure may have but is not shown in.
constexpr Step kMeasuredIn[] = {{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}};

std::string canonical(const std::string& unit) {
  if (unit == "bytes") return "B";
  if (unit == "percent") return "%";
  if (unit == "tokens_per_second") return "tokens/s";
  if (unit == "nat") return "nats";
  return unit;
}

}  // namespace

ShownUnit shown_unit(const std::string& unit, double largest) {
  const std::string name = canonical(unit);
  for (const Step& step : kMeasuredIn)
    if (name == step.name) {
      const ShownUnit shown = shown_unit("B", largest * step.size);
      return {shown.name, shown.factor * step.size};
    }
  for (const Family& family : families())
    for (const Step& own : family) {
      if (name != own.name) continue;
      const double size = std::fabs(largest) * own.size;
      const Step* best = &own;
      if (size > 0 && std::isfinite(size)) {
        best = &family.front();
        for (const Step& step : family)
          if (size >= step.least * step.size) best = &step;
      }
      return {best->name, own.size / best->size};
    }
  return {name, 1};
}

std::string readable(double value, const std::string& unit) {
  if (unit == "boolean") return value != 0 ? "yes" : "no";
  const ShownUnit shown = shown_unit(unit, value);
  const std::string number = display(value * shown.factor);
  return shown.name.empty() || shown.name == "count" || shown.name == "ratio"
             ? number
             : number + " " + shown.name;
}

}  // namespace qwench::bench::report
