// Suites as a person reads them: figures, criteria with their outcome, and what to look at.
#include "bench/machine/environment.h"
#include "bench/suites/report.h"
#include "bench/support/table.h"

namespace qwench::bench {

namespace {

std::string in_unit(double value, const std::string& unit) {
  if (unit == "ns") return format_ns(value);
  if (unit == "boolean") return value != 0 ? "yes" : "no";
  if (unit == "count" || unit == "sequences") return fmt::format("{:.0f}", value);
  if (unit == "bytes")
    return value < 0 ? "-" + format_bytes(int64_t(-value)) : format_bytes(int64_t(value));
  if (unit == "B/s") return format_number(value / 1e9) + " GB/s";
  return format_number(value);
}

/// Nothing where every value says its own: "10.42 ms" is no "ns".
std::string unit_beside_values(const std::string& unit) {
  for (const char* with_values : {"ns", "bytes", "B/s", "boolean"})
    if (unit == with_values) return "";
  return unit;
}

std::string text_of(const OrderedJson& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::string figure_table(const OrderedJson& suite) {
  Table table({"<figure", "<unit", "n", "median", "mean", "std", "min", "max", "p95"});
  std::string missing;
  for (const OrderedJson& figure : suite.at("figures")) {
    const std::string name = text_of(figure, "name"), unit = text_of(figure, "unit");
    const auto summary = figure.find("summary");
    if (summary == figure.end() || summary->is_null()) {
      missing += fmt::format("{}: not measured: {}\n", name, text_of(figure, "missing"));
      continue;
    }
    std::vector<std::string> cells = {name, unit_beside_values(unit),
                                      std::to_string(summary->at("n").get<int64_t>())};
    for (const char* key : {"median", "mean", "std", "min", "max"})
      cells.push_back(in_unit(summary->at(key).get<double>(), unit));
    const auto p95 = summary->find("p95");
    cells.push_back(p95 != summary->end() && p95->is_number() ? in_unit(p95->get<double>(), unit)
                                                              : "-");
    table.add(std::move(cells));
  }
  return (table.empty() ? "" : table.to_string()) + missing;
}

std::string criterion_table(const OrderedJson& suite) {
  Table table({"<criterion", "<expected", "value", "% of ceiling", "<outcome", "<note"});
  for (const OrderedJson& c : suite.at("criteria")) {
    const auto number = [&](const char* key, const std::string& unit) {
      const auto at = c.find(key);
      return at != c.end() && at->is_number() ? in_unit(at->get<double>(), unit) : std::string("-");
    };
    table.add({text_of(c, "name"), text_of(c, "expected"), number("value", text_of(c, "unit")),
               number("ceiling_percent", ""), text_of(c, "outcome"), text_of(c, "note")});
  }
  return table.empty() ? "" : "\n" + table.to_string();
}

std::string suite_text(const OrderedJson& suite) {
  const std::string error = text_of(suite, "error");
  std::string text = fmt::format("\n== {} ({:.1f} s){}\n", text_of(suite, "suite"),
                                 suite.at("seconds").get<double>(),
                                 suite.value("interrupted", false) ? ", interrupted" : "");
  if (!error.empty()) return text + "error: " + error + "\n";
  return text + figure_table(suite) + criterion_table(suite);
}

std::string headline(const OrderedJson& suites) {
  struct Line {
    const char *label, *suite, *figure, *unit;
  };
  constexpr Line kLines[] = {
      {"throughput, samples/s", "throughput", "samples_per_second", ""},
      {"throughput, generated tokens/s", "throughput", "tokens_per_second", ""},
      {"latency of an answer", "latency", "latency", "ns"},
      {"latency of the first token", "latency", "first_token_latency", "ns"},
      {"peak memory of the process", "memory_phases", "process_peak_rss", "bytes"},
  };
  Table table({"<benchmark summary", "median"});
  for (const Line& line : kLines) {
    const OrderedJson summary = find_summary(suites, line.suite, line.figure);
    if (summary.is_object())
      table.add({line.label, in_unit(summary.at("median").get<double>(), line.unit)});
  }
  return table.empty() ? "" : "\n" + table.to_string();
}

}  // namespace

std::string suites_text(const OrderedJson& document) {
  const OrderedJson& config = document.at("config");
  std::string text = environment_line() + "\n";
  text += fmt::format("{}, {} weights, {} threads, seed {}, {} suites\n", text_of(config, "model"),
                      text_of(config, "dtype"), config.value("threads", 0),
                      config.value("seed", uint64_t(0)), document.at("suites").size());
  const OrderedJson& suites = document.at("suites");
  for (const OrderedJson& suite : suites) text += suite_text(suite);
  text += headline(suites);
  const OutcomeCounts n = count_outcomes(suites);
  text += fmt::format(
      "\ncriteria: {} pass, {} fail, {} unreachable here, {} not applicable, {} unknown", n.pass,
      n.fail, n.unreachable, n.not_applicable, n.unknown);
  text += n.errors ? fmt::format("; {} suites ended with an error\n", n.errors) : "\n";
  for (const OrderedJson& suite : suites)
    for (const OrderedJson& c : suite.at("criteria"))
      if (text_of(c, "outcome") == name_of(Outcome::kFail))
        text += fmt::format("fail: {}: {} {}\n", text_of(suite, "suite"), text_of(c, "name"),
                            text_of(c, "expected"));
  if (document.value("interrupted", false)) text += "interrupted: the rest was not run\n";
  return text;
}

}  // namespace qwench::bench
