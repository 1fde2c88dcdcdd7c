// The page runs its own script only (a nonce), loads nothing (Content-Security-Policy), and escapes every
// text. Images are data: URIs, so that an SVG cannot run anything either.
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "bench/report/documents.h"
#include "bench/report/html_page.h"
#include "bench/report/shown_table.h"
#include "bench/report/writers.h"
#include "bench/support/terminal.h"

namespace qwench::bench::report {

namespace {

/// Tables that are long or seldom read start closed.
constexpr std::string_view kClosed[] = {"ops", "configuration", "refused_kernels", "pair_ops",
                                        "metrics"};

constexpr size_t kLong = 60;  // characters of a cell that wraps anywhere

const char* verdict_class(const std::string& verdict) {
  switch (tone_of(verdict)) {
    case Tone::kGood: return "good";
    case Tone::kBad: return "bad";
    case Tone::kUnsure: return "unsure";
    default: return "plain";
  }
}

std::string nonce() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

/// Everything but letters, digits and a few signs that mean nothing as %XX.
std::string percent_encoded(const std::string& bytes) {
  constexpr std::string_view kPlain = "-_.~/:=,; ";
  std::string out;
  for (const char c : bytes) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       kPlain.find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

/// `shown`: what people see; `cell`: the exact number, to sort by.
std::string cell_html(const Cell& cell, const Column& column, const std::string& shown) {
  if (const auto* none = std::get_if<Missing>(&cell))
    return fmt::format("<td class=\"missing\" title=\"{}\">-</td>", html_text(none->reason));
  if (const auto* number = std::get_if<double>(&cell))
    return fmt::format("<td class=\"number\" data-value=\"{}\">{}</td>", exact(*number),
                       html_text(shown));
  if (column.kind != ColumnKind::kVerdict || shown.empty())
    return fmt::format("<td{}>{}</td>", shown.size() > kLong ? " class=\"long\"" : "",
                       html_text(shown));
  return fmt::format("<td><span class=\"verdict {}\">{}</span></td>", verdict_class(shown),
                     html_text(shown));
}

std::string table_html(const Section& section) {
  const ShownTable shown = shown_table(section);
  std::string html =
      fmt::format("<div class=\"scroll\"><table data-id=\"{}\"><thead><tr>", html_text(section.id));
  for (size_t c = 0; c < section.columns.size(); ++c)
    html += fmt::format("<th scope=\"col\"{}><button type=\"button\">{}</button></th>",
                        section.columns[c].kind == ColumnKind::kNumber ? " class=\"number\"" : "",
                        html_text(shown.headings[c]));
  html += "</tr></thead>\n<tbody>\n";
  for (size_t r = 0; r < section.rows.size(); ++r) {
    html += "<tr>";
    for (size_t c = 0; c < section.columns.size(); ++c)
      html += cell_html(section.rows[r][c], section.columns[c], shown.cells[r][c]);
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string section_html(const Section& section) {
  const bool closed =
      std::find(std::begin(kClosed), std::end(kClosed), section.id) != std::end(kClosed);
  std::string html =
      fmt::format("<details id=\"{}\"{}><summary><h2>{}</h2></summary>\n", html_text(section.id),
                  closed ? "" : " open", html_text(section.title));
  if (!section.rows.empty()) html += table_html(section);
  for (const std::string& note : section.notes)
    html += fmt::format("<p class=\"note\">{}</p>\n", html_text(note));
  return html + "</details>\n";
}

std::string list_html(const char* kind, const std::vector<std::string>& items, size_t first,
                      size_t last) {
  std::string html;
  for (size_t i = first; i < std::min(last, items.size()); ++i)
    html += fmt::format("<li>{}</li>\n", html_text(items[i]));
  return html.empty() ? html : fmt::format("<ul class=\"{}\">\n{}</ul>\n", kind, html);
}

/// The first ones at once, the others on request.
std::string failures_html(const Report& report) {
  constexpr size_t kAtOnce = 12;
  const std::vector<std::string>& all = report.failures;
  if (all.empty()) return {};
  std::string html =
      fmt::format("<section id=\"failures\"><h2>What failed ({})</h2>\n", all.size());
  html += list_html("failures", all, 0, kAtOnce);
  if (all.size() > kAtOnce)
    html += fmt::format("<details><summary>{} more</summary>\n{}</details>\n", all.size() - kAtOnce,
                        list_html("failures", all, kAtOnce, all.size()));
  return html + "</section>\n";
}

std::string advice_html(const Report& report) {
  if (report.advice.empty()) return {};
  return "<section id=\"advice\"><h2>What to choose</h2>\n" +
         list_html("advice", report.advice, 0, report.advice.size()) + "</section>\n";
}

std::string summary_html(const Report& report) {
  constexpr size_t kMostCards = 24;
  std::string html = failures_html(report) + advice_html(report);
  html += "<section id=\"summary\"><h2>Summary</h2>\n";
  html +=
      list_html("conclusions", report.conclusions, report.advice.size(), report.conclusions.size());
  html += "<div class=\"cards\">\n";
  for (size_t i = 0; i < std::min(kMostCards, report.summary.size()); ++i)
    html +=
        fmt::format("<div class=\"card\"><b>{}</b><span>{}</span></div>\n",
                    html_text(shown_value(report.summary[i])), html_text(report.summary[i].metric));
  html += "</div>\n";
  if (report.summary.size() > kMostCards)
    html += fmt::format("<p class=\"note\">{} more figures are in the tables.</p>\n",
                        report.summary.size() - kMostCards);
  return html + "</section>\n";
}

std::string figure_html(const Chart& chart, const std::string& image) {
  if (image.empty()) return {};
  return fmt::format(
      "<figure><img alt=\"{0}\" src=\"data:image/svg+xml,{1}\">"
      "<figcaption>{0}</figcaption></figure>\n",
      html_text(chart.title), percent_encoded(image));
}

/// Further pages of a chart are shown on request.
std::string charts_html(const Report& report, const std::vector<std::string>& images,
                        const std::string& why_none) {
  if (report.charts.empty()) return {};
  std::string html = "<section id=\"charts\"><h2>Charts</h2>\n", further;
  if (!why_none.empty())
    html += fmt::format("<p class=\"note\">No charts: {}</p>\n", html_text(why_none));
  html += "<div class=\"charts\">\n";
  size_t n = 0;
  for (size_t i = 0; i < report.charts.size(); ++i) {
    const std::string figure = figure_html(report.charts[i], images[i]);
    const bool is_further = !report.charts[i].page_of.empty();
    (is_further ? further : html) += figure;
    n += is_further && !figure.empty();
  }
  html += "</div>\n";
  if (n)
    html += fmt::format(
        "<details><summary>{} more images</summary>\n<div class=\"charts\">\n{}</div></details>\n",
        n, further);
  return html + "</section>\n";
}

/// JSON in a script element ends at "</script" and is led astray by "<!--": there is no '<' in it.
std::string embedded(const OrderedJson& document) {
  const std::string json = document.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

std::string navigation(const Report& report) {
  std::string html = "<nav>";
  if (!report.failures.empty()) html += "<a href=\"#failures\">What failed</a>";
  if (!report.advice.empty()) html += "<a href=\"#advice\">What to choose</a>";
  html += "<a href=\"#summary\">Summary</a>";
  if (!report.charts.empty()) html += "<a href=\"#charts\">Charts</a>";
  for (const Section& section : report.sections)
    html += fmt::format("<a href=\"#{}\">{}</a>", html_text(section.id), html_text(section.title));
  return html + "</nav>\n";
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  return out;
}

std::string to_html(const Report& report, const std::vector<std::string>& images,
                    const std::string& why_no_images) {
  const std::string key = nonce(), title = html_text(report.title);
  std::string html = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n";
  html += fmt::format(
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "img-src data:; style-src 'nonce-{0}'; script-src 'nonce-{0}'; base-uri 'none'; "
      "form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{1}</title>\n<style nonce=\"{0}\">{2}</style></head>\n<body>\n",
      key, title, kStyle);
  html += fmt::format(
      "<header><h1>{}</h1><p>Written {} by qwench report. This file is also its data: "
      "<code>qwench report</code> reads it back.</p>{}",
      title, html_text(report.written), navigation(report));
  html +=
      "<label class=\"filter\">Filter rows <input type=\"search\" "
      "id=\"filter\"></label></header>\n";
  html += "<main>\n" + summary_html(report) + charts_html(report, images, why_no_images);
  for (const Section& section : report.sections) html += section_html(section);
  html += "</main>\n";
  html += kEmbeddedElement + embedded(to_json(report)) + "</script>\n";
  return html + fmt::format("<script nonce=\"{}\">{}</script>\n</body></html>\n", key, kScript);
}

}  // namespace qwench::bench::report
