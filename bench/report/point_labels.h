// Names beside the points of a scatter chart, none of them on another.
#pragma once
#include <string>

#include "bench/report/tables.h"

namespace qwench::bench::report {

/// gnuplot's commands for the labels of all points. `right`, `top`: the largest x and y, above 0.
std::string point_labels(const Panel& panel, double right, double top);

}  // namespace qwench::bench::report
