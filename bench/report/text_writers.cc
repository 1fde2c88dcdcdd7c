// CSV (RFC 4180), Markdown and the console.
#include <fmt/format.h>

#include "bench/report/derived.h"
#include "bench/report/writers.h"
#include "bench/support/output.h"
#include "bench/support/table.h"

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
  std::string head = "|", rule = "|", body;
  for (const Column& c : section.columns) {
    head += fmt::format(" {} |", markdown_text(heading(c)));
    rule += c.kind == ColumnKind::kNumber ? "---:|" : "---|";
  }
  for (const std::vector<Cell>& row : section.rows) {
    body += "|";
    for (const Cell& cell : row) body += fmt::format(" {} |", markdown_text(display(cell)));
    body += "\n";
  }
  return head + "\n" + rule + "\n" + body;
}

/// At most 60 characters, so that a kernel policy does not break every line.
std::string shortened(const std::string& text) {
  constexpr size_t kMost = 60;
  size_t characters = 0;
  for (size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80 && ++characters > kMost)
      return text.substr(0, i) + "...";
  return text;
}

std::string console_table(const Section& section) {
  std::vector<std::string> headings;
  for (const Column& c : section.columns)
    headings.push_back((c.kind == ColumnKind::kNumber ? "" : "<") + heading(c));
  Table table(std::move(headings));
  for (const std::vector<Cell>& row : section.rows) {
    std::vector<std::string> cells;
    for (const Cell& cell : row) cells.push_back(shortened(display(cell)));
    table.add(std::move(cells));
  }
  return table.to_string();
}

}  // namespace

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
  Table table({"<metric", "value", "<unit"});
  for (const Headline& h : report.summary)
    table.add({h.metric, shortened(display(h.value)), h.unit});
  if (!table.empty()) text += table.to_string();
  if (!report.conclusions.empty()) text += "\n";
  for (const std::string& conclusion : report.conclusions) text += conclusion + "\n";
  if (!saved.empty()) text += "\nsaved:\n";
  for (const std::string& file : saved) text += "  " + file + "\n";
  return text;
}

std::string to_console(const Report& report) {
  std::string text = summary_text(report, {});
  for (const Section& section : report.sections) {
    text += fmt::format("\n{}\n{}\n", section.title, std::string(section.title.size(), '='));
    if (!section.rows.empty()) text += console_table(section);
    for (const std::string& note : section.notes) text += note + "\n";
  }
  return text;
}

std::string to_markdown(const Report& report) {
  std::string text = fmt::format("# {}\n\nWritten {} by `qwench report`.\n",
                                 markdown_text(report.title), report.written);
  if (!report.summary.empty())
    text += "\n## Summary\n\n| metric | value | unit |\n|---|---:|---|\n";
  for (const Headline& h : report.summary)
    text += fmt::format("| {} | {} | {} |\n", markdown_text(h.metric),
                        markdown_text(display(h.value)), markdown_text(h.unit));
  for (const Section& section : report.sections) {
    text += fmt::format("\n## {}\n\n", markdown_text(section.title));
    if (!section.rows.empty()) text += markdown_table(section);
    if (!section.rows.empty() && !section.notes.empty()) text += "\n";
    for (const std::string& note : section.notes)
      text += fmt::format("- {}\n", markdown_text(note));
  }
  if (!report.conclusions.empty()) text += "\n## Conclusion\n\n";
  for (const std::string& conclusion : report.conclusions)
    text += fmt::format("- {}\n", markdown_text(conclusion));
  return text;
}

}  // namespace qwench::bench::report
