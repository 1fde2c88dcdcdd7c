// The page runs its own script only (a nonce), loads nothing (Content-Security-Policy), and escapes every
// text. Images are data: URIs, so that an SVG cannot run anything either.
#include <fmt/format.h>

#include <random>

#include "bench/report/documents.h"
#include "bench/report/html_page.h"
#include "bench/report/writers.h"
#include "bench/support/output.h"

namespace qwench::bench::report {

namespace {

constexpr std::string_view kGood[] = {"better", "pass", "fastest",
                                      "stable", "yes",  "optimal batch size"};
constexpr std::string_view kBad[] = {"worse", "fail", "unstable", "critical", "wrong result"};
constexpr std::string_view kUnsure[] = {"not_separated", "warning", "inconclusive", "unknown",
                                        "unreachable here"};
/// Tables that are long or seldom read start closed.
constexpr std::string_view kClosed[] = {"ops", "configuration", "refused_kernels", "pair_ops"};

constexpr size_t kLong = 60;  // characters of a cell that wraps anywhere

template <size_t n>
bool one_of(std::string_view text, const std::string_view (&list)[n]) {
  for (std::string_view item : list)
    if (item == text) return true;
  return false;
}

const char* verdict_class(const std::string& verdict) {
  if (one_of(verdict, kGood)) return "good";
  if (one_of(verdict, kBad)) return "bad";
  return one_of(verdict, kUnsure) ? "unsure" : "plain";
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

std::string cell_html(const Cell& cell, const Column& column) {
  if (const auto* none = std::get_if<Missing>(&cell))
    return fmt::format("<td class=\"missing\" title=\"{}\">-</td>", html_text(none->reason));
  if (const auto* number = std::get_if<double>(&cell))
    return fmt::format("<td class=\"number\" data-value=\"{}\">{}</td>", exact(*number),
                       display(*number));
  const std::string text = display(cell);
  if (column.kind != ColumnKind::kVerdict || text.empty())
    return fmt::format("<td{}>{}</td>", text.size() > kLong ? " class=\"long\"" : "",
                       html_text(text));
  return fmt::format("<td><span class=\"verdict {}\">{}</span></td>", verdict_class(text),
                     html_text(text));
}

std::string table_html(const Section& section) {
  std::string html =
      fmt::format("<div class=\"scroll\"><table data-id=\"{}\"><thead><tr>", html_text(section.id));
  for (const Column& c : section.columns)
    html += fmt::format("<th scope=\"col\"{}><button type=\"button\">{}</button></th>",
                        c.kind == ColumnKind::kNumber ? " class=\"number\"" : "",
                        html_text(heading(c)));
  html += "</tr></thead>\n<tbody>\n";
  for (const std::vector<Cell>& row : section.rows) {
    html += "<tr>";
    for (size_t c = 0; c < row.size(); ++c) html += cell_html(row[c], section.columns[c]);
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string section_html(const Section& section) {
  std::string html =
      fmt::format("<details id=\"{}\"{}><summary><h2>{}</h2></summary>\n", html_text(section.id),
                  one_of(section.id, kClosed) ? "" : " open", html_text(section.title));
  if (!section.rows.empty()) html += table_html(section);
  for (const std::string& note : section.notes)
    html += fmt::format("<p class=\"note\">{}</p>\n", html_text(note));
  return html + "</details>\n";
}

std::string summary_html(const Report& report) {
  std::string html = "<section id=\"summary\"><h2>Summary</h2>\n";
  if (!report.conclusions.empty()) html += "<ul class=\"conclusions\">\n";
  for (const std::string& conclusion : report.conclusions)
    html += fmt::format("<li>{}</li>\n", html_text(conclusion));
  if (!report.conclusions.empty()) html += "</ul>\n";
  html += "<div class=\"cards\">\n";
  for (const Headline& h : report.summary)
    html += fmt::format("<div class=\"card\"><b>{}</b> {}<span>{}</span></div>\n",
                        html_text(display(h.value)), html_text(h.unit), html_text(h.metric));
  return html + "</div>\n</section>\n";
}

std::string charts_html(const Report& report, const std::vector<std::string>& images,
                        const std::string& why_none) {
  if (report.charts.empty()) return {};
  std::string html = "<section id=\"charts\"><h2>Charts</h2>\n";
  if (!why_none.empty())
    html += fmt::format("<p class=\"note\">No charts: {}</p>\n", html_text(why_none));
  html += "<div class=\"charts\">\n";
  for (size_t i = 0; i < report.charts.size(); ++i) {
    if (images[i].empty()) continue;
    const Chart& chart = report.charts[i];
    html += fmt::format(
        "<figure><img alt=\"{0}\" src=\"data:image/svg+xml,{1}\">"
        "<figcaption>{0}</figcaption></figure>\n",
        html_text(chart.title), percent_encoded(images[i]));
  }
  return html + "</div></section>\n";
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
  std::string html = "<nav><a href=\"#summary\">Summary</a>";
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
