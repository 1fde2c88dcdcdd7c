// CSV (RFC 4180), Markdown and the console.
#include <fmt/format.h>

#include <algorithm>

#include "bench/report/derived.h"
#include "bench/report/shown_table.h"
#include "bench/report/units.h"
#include "bench/report/writers.h"
#include "bench/support/output.h"
#include "bench/support/table.h"
#include "bench/support/terminal.h"

namespace qwench::bench::report {

namespace {

/// Text that a spreadsheet would take for a formula gets an apostrophe.
std::string csv_text(const std::string& text) {
  std::string cell = text;
  if (!cell.empty() && std::string_view("=+-@").find(cell[0]) != std::string_view::npos)
    cell.insert(0, 1, '\'');
  return bench::csv_cell(cell);
}

std::string csv_cell(const Cell& cell) {
  if (const auto* number = std::get_if<double>(&cell)) return exact(*number);
  if (const auto* text = std::get_if<std::string>(&cell)) return csv_text(*text);
  return {};
}

std::string with_unit(const std::string& name, const std::string& unit) {
  return unit.empty() ? name : fmt::format("{} ({})", name, unit);
}

/// Characters that Markdown would read as markup.
std::string markdown_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
      continue;
    }
    if (std::string_view("\\`*[]|>").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string markdown_table(const Section& section) {
  const ShownTable shown = shown_table(section);
  std::string head = "|", rule = "|", body;
  for (size_t c = 0; c < section.columns.size(); ++c) {
    head += fmt::format(" {} |", markdown_text(shown.headings[c]));
    rule += section.columns[c].kind == ColumnKind::kNumber ? "---:|" : "---|";
  }
  for (const std::vector<std::string>& row : shown.cells) {
    body += "|";
    for (const std::string& cell : row) body += fmt::format(" {} |", markdown_text(cell));
    body += "\n";
  }
  return head + "\n" + rule + "\n" + body;
}

/// At most 60 characters, so that a kernel policy does not break every line of a pipe; a terminal
/// wraps.
std::string shortened(const std::string& text) {
  constexpr size_t kMost = 60;
  if (terminal().columns > 0) return text;
  size_t characters = 0;
  for (size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80 && ++characters > kMost)
      return text.substr(0, i) + "...";
  return text;
}

std::string console_table(const Section& section) {
  const ShownTable shown = shown_table(section);
  std::vector<std::string> headings;
  for (size_t c = 0; c < section.columns.size(); ++c)
    headings.push_back((section.columns[c].kind == ColumnKind::kNumber ? "" : "<") +
                       shown.headings[c]);
  Table table(std::move(headings));
  for (const std::vector<std::string>& row : shown.cells) {
    std::vector<std::string> cells;
    for (const std::string& cell : row) cells.push_back(shortened(cell));
    table.add(std::move(cells));
  }
  return table.to_string();
}

constexpr size_t kMostFailures = 20, kMostHeadlines = 24;

/// The first of a list, and how many more there are.
std::vector<std::string> first_of(const std::vector<std::string>& list, size_t most) {
  if (list.size() <= most) return list;
  std::vector<std::string> first(list.begin(), list.begin() + long(most));
  first.push_back(fmt::format("and {} more: see the tables", list.size() - most));
  return first;
}

/// A paragraph behind so many blanks, wrapped on a terminal.
std::string paragraph(const std::string& text, size_t indent, Tone tone) {
  const size_t columns = terminal().columns;
  const std::vector<std::string> lines =
      columns > indent + 20 ? wrapped(text, columns - indent) : std::vector{text};
  std::string out;
  for (const std::string& line : lines)
    out += std::string(indent, ' ') + painted(line, tone) + "\n";
  return out;
}

std::string headline_table(const Report& report) {
  Table table({"<metric", "value"});
  const size_t shown = std::min(report.summary.size(), kMostHeadlines);
  for (size_t i = 0; i < shown; ++i)
    table.add({report.summary[i].metric, shortened(shown_value(report.summary[i]))});
  std::string text = table.empty() ? "" : table.to_string();
  if (shown < report.summary.size())
    text += fmt::format("and {} more: see the tables\n", report.summary.size() - shown);
  return text;
}

}  // namespace

std::string shown_value(const Headline& headline) {
  const auto* number = std::get_if<double>(&headline.value);
  return number ? readable(*number, headline.unit) : display(headline.value);
}

std::string metrics_csv(const Report& report) {
  std::string csv = "Mode,Metric,Mean,Std,Min,Max,Median,Num Runs\n";
  const Section* metrics = report.find("metrics");
  if (!metrics) return csv;
  for (const std::vector<Cell>& row : metrics->rows) {
    csv += csv_cell(row[kMetricMode]) + "," +
           csv_text(with_unit(display(row[kMetricName]), display(row[kMetricUnit])));
    for (size_t c : {kMetricMean, kMetricStd, kMetricMin, kMetricMax, kMetricMedian, kMetricRuns})
      csv += "," + csv_cell(row[c]);
    csv += "\n";
  }
  return csv;
}

std::string summary_csv(const Report& report) {
  std::string csv = "Metric,Value\n";
  for (const Headline& h : report.summary)
    csv += csv_text(with_unit(h.metric, h.unit)) + "," + csv_cell(h.value) + "\n";
  return csv;
}

std::string tables_csv(const Report& report) {
  std::string csv = "section,row,column,unit,value,missing\n";
  for (const Section& section : report.sections)
    for (size_t r = 0; r < section.rows.size(); ++r)
      for (size_t c = 0; c < section.columns.size(); ++c) {
        const Cell& cell = section.rows[r][c];
        const auto* none = std::get_if<Missing>(&cell);
        csv += fmt::format("{},{},{},{},{},{}\n", csv_text(section.id), r,
                           csv_text(section.columns[c].name), csv_text(section.columns[c].unit),
                           csv_cell(cell), none ? csv_text(none->reason) : "");
      }
  return csv;
}

std::string summary_text(const Report& report, const std::vector<std::string>& saved) {
  const std::string rule(60, '=');
  std::string text = fmt::format("{}\nBENCHMARK SUMMARY\n{}\n", rule, rule);
  if (!report.failures.empty()) text += fmt::format("What failed ({}):\n", report.failures.size());
  for (const std::string& failure : first_of(report.failures, kMostFailures))
    text += paragraph(failure, 2, Tone::kBad);
  if (!report.advice.empty()) text += "What to choose:\n";
  for (const std::string& advice : report.advice) text += paragraph(advice, 2, Tone::kPlain);
  if (!report.failures.empty() || !report.advice.empty()) text += "\n";
  text += headline_table(report);
  const size_t said = report.advice.size();
  if (report.conclusions.size() > said) text += "\n";
  for (size_t i = said; i < report.conclusions.size(); ++i)
    text += paragraph(report.conclusions[i], 0, Tone::kPlain);
  if (!saved.empty()) text += "\nsaved:\n";
  for (const std::string& file : saved) text += "  " + file + "\n";
  return text;
}

std::string to_console(const Report& report) {
  std::string text = summary_text(report, {});
  for (const Section& section : report.sections) {
    text += fmt::format("\n{}\n{}\n", section.title, std::string(section.title.size(), '='));
    if (!section.rows.empty()) text += console_table(section);
    for (const std::string& note : section.notes) text += paragraph(note, 0, Tone::kPlain);
  }
  return text;
}

std::string to_markdown(const Report& report) {
  std::string text = fmt::format("# {}\n\nWritten {} by `qwench report`.\n",
                                 markdown_text(report.title), report.written);
  const auto list = [&](const char* title, const std::vector<std::string>& items) {
    if (!items.empty()) text += fmt::format("\n## {}\n\n", title);
    for (const std::string& item : items) text += fmt::format("- {}\n", markdown_text(item));
  };
  list("What failed", report.failures);
  list("What to choose", report.advice);
  list("Conclusion",
       {report.conclusions.begin() + long(report.advice.size()), report.conclusions.end()});
  if (!report.summary.empty()) text += "\n## Summary\n\n| metric | value |\n|---|---:|\n";
  for (const Headline& h : report.summary)
    text += fmt::format("| {} | {} |\n", markdown_text(h.metric), markdown_text(shown_value(h)));
  for (const Section& section : report.sections) {
    text += fmt::format("\n## {}\n\n", markdown_text(section.title));
    if (!section.rows.empty()) text += markdown_table(section);
    if (!section.rows.empty() && !section.notes.empty()) text += "\n";
    for (const std::string& note : section.notes)
      text += fmt::format("- {}\n", markdown_text(note));
  }
  return text;
}

}  // namespace qwench::bench::report
