// The forms of a report. All of them write the cells of the same tables: numbers exactly (JSON, CSV,
// data-value in HTML), or rounded to four digits in units that suit them for people (console, Markdown,
// what HTML shows).
#pragma once
#include <string>
#include <vector>

#include "bench/report/tables.h"

namespace qwench::bench::report {

/// As bench/schemas/report.schema.json describes; with the results themselves, so that it can be read back.
OrderedJson to_json(const Report& report);

/// [{"name", "unit", "value", "range", "extra"}] of all throughputs: what github-action-benchmark reads
/// as `customBiggerIsBetter`.
OrderedJson github_action_json(const Report& report);

/// Mode,Metric,Mean,Std,Min,Max,Median,Num Runs; the metric with its unit.
std::string metrics_csv(const Report& report);
/// Metric,Value.
std::string summary_csv(const Report& report);
/// section,row,column,unit,value,missing: every cell of every table.
std::string tables_csv(const Report& report);

/// Summary, tables.
std::string to_console(const Report& report);
/// "BENCHMARK SUMMARY": what failed, what to choose, the headlines and the other conclusions, then the
/// files that were written.
std::string summary_text(const Report& report, const std::vector<std::string>& saved);

std::string to_markdown(const Report& report);

/// One page without anything from elsewhere, which holds the JSON form. `images`: per chart its SVG;
/// "" where there is none, and `why_no_images` says why.
std::string to_html(const Report& report, const std::vector<std::string>& images,
                    const std::string& why_no_images);

/// The value with its unit, as people read it.
std::string shown_value(const Headline& headline);

/// & < > " ' as entities.
std::string html_text(std::string_view text);

}  // namespace qwench::bench::report
