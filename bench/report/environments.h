// Machine, build and state that results were measured with: only within one are speeds ranked.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "bench/report/field.h"
#include "bench/report/tables.h"

namespace qwench::bench::report {

/// What a reader wants to know, and what makes two environments differ: {"processor", "AMD EPYC"}, ...
using Lines = std::vector<std::pair<std::string, std::string>>;

/// Of a document; without lines where it says nothing.
Lines environment_lines(const Field& root);
/// "" where there is no such line.
std::string line_of(const Lines& lines, std::string_view what);
/// "commit, processor": items in which they differ.
std::string differing_items(const std::vector<Lines>& environments);

/// One column per distinct environment.
Section environment_section(const std::vector<Lines>& environments);

}  // namespace qwench::bench::report
