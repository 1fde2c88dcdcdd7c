// A chart that one can look at without scrolling: at most a screen high, in several images where it
// takes them, and of very many bars the most telling ones.
#pragma once
#include <vector>

#include "bench/report/tables.h"

namespace qwench::bench::report {

constexpr int kMostChartHeight = 900;  // pixels of a screen; a PNG has three times as many

/// Pixels that a panel takes.
int panel_height(const Panel& panel);

/// The chart without panels and points that cannot be drawn, in images of up to kMostChartHeight; empty
/// where nothing is left. The first keeps id and title, the others are ID_2, ID_3 ... Bars that have no
/// room are left out, the smallest first, and the panel's title says how many there were.
std::vector<Chart> chart_pages(Chart chart);

}  // namespace qwench::bench::report
