// Results of suites: figures and criteria.
#include <fmt/format.h>

#include <algorithm>

#include "bench/report/collected.h"

namespace qwench::bench::report {

namespace {

struct Unit {
  std::string_view file, shown;
  double factor;
  Quantity quantity;
};
constexpr Unit kUnits[] = {{"ns", "ms", 1e-6, Quantity::kLatency},
                           {"s", "s", 1, Quantity::kLatency},
                           {"ms", "ms", 1, Quantity::kLatency},
                           {"bytes", "MB", 1e-6, Quantity::kMemory},
                           {"B", "MB", 1e-6, Quantity::kMemory},
                           {"tokens_per_second", "tokens/s", 1, Quantity::kThroughput},
                           {"tokens/s", "tokens/s", 1, Quantity::kThroughput}};

Unit unit_of(const std::string& name) {
  for (const Unit& unit : kUnits)
    if (unit.file == name) return unit;
  return {name, name, 1, Quantity::kOther};
}

Section criteria_section() {
  Section section{
      "criteria",
      "Criteria",
      {text_column("suite"), text_column("criterion"), text_column("expected"),
       row_unit_column("value"), text_column("unit"), number_column("target of the ceiling", "%"),
       verdict_column("verdict"), text_column("note")}};
  section.unit_column = 4, section.telling = {3};
  return section;
}

void add_figure(const Field& figure, const std::string& suite, size_t source, Collected& to) {
  const std::string name = figure.at("name").text(), unit_name = figure.at("unit").text();
  const std::optional<Field> summary = figure.find("summary");
  if (!summary) {
    const std::string why = figure.find_text("missing");
    to.section(missing_section()).add({suite, name, why.empty() ? "the file does not say" : why});
    return;
  }
  const Unit unit = unit_of(unit_name);
  to.measurements.push_back({source, suite, suite, name, std::string(unit.shown), unit.quantity,
                             scaled(read_sampled(*summary), unit.factor)});
}

void add_criterion(const Field& c, const std::string& suite, Collected& to) {
  to.section(criteria_section())
      .add({suite, c.at("name").text(), c.at("expected").text(),
            cell_of(c.find_number("value"), "not measured"), c.find_text("unit"),
            cell_of(c.find_number("ceiling_percent"), "no ceiling applies"), c.at("outcome").text(),
            c.find_text("note")});
}

bool judges_accuracy(const Field& suite) {
  const std::optional<Field> types = suite.find("types");
  if (!types || !types->json().is_array()) return false;
  for (const Field& type : types->items())
    if (type.text() == "accuracy") return true;
  return false;
}

/// The results of suites that ended with an error count as failed.
void add_error(const std::string& suite, const std::string& error, Collected& to) {
  const std::string none = "the suite ended early";
  to.section(criteria_section())
      .add({suite, "the suite", "ends without an error", Missing{none}, "", Missing{none}, "error",
            error});
}

/// What fails of the suites that judge accuracy is said of the configuration that ran them.
void note_failure(const Field& suite, size_t source, Collected& to) {
  const Named* named = to.choices.find(source, kSuitesKey);
  if (!named || !judges_accuracy(suite)) return;
  const std::string name = suite.at("suite").text();
  if (!suite.find_text("error").empty()) to.choices.fail(*named, fmt::format("suite {}", name));
  for (const Field& c : suite.at("criteria").items())
    if (c.at("outcome").text() == "fail")
      to.choices.fail(*named, fmt::format("suite {}: {}", name, c.at("name").text()));
}

void add_suite(const Field& suite, size_t source, Collected& to) {
  const std::string name = suite.at("suite").text(), error = suite.find_text("error");
  if (!error.empty()) add_error(name, error, to);
  for (const Field& figure : suite.at("figures").items()) add_figure(figure, name, source, to);
  for (const Field& c : suite.at("criteria").items()) add_criterion(c, name, to);
  note_failure(suite, source, to);
  if (suite.find_flag("interrupted"))
    to.notes.push_back(fmt::format("{}: suite {} was interrupted", to.sources[source].file, name));
}

/// The figures by which configurations that ran the suites are compared: generated tokens a second, the
/// first token and the memory of the process.
void add_choice(size_t source, Collected& to) {
  const Named* named = to.choices.find(source, kSuitesKey);
  if (!named) return;
  const auto figure = [&](std::string_view suite, std::string_view metric) -> Measurement* {
    for (Measurement& m : to.measurements)
      if (m.source == source && m.mode == suite && m.metric == metric) return &m;
    return nullptr;
  };
  Measurement* speed = figure("throughput", "tokens_per_second");
  if (!speed) return;
  speed->choice = named->choices.front();
  TimedCase timed{"generation of the suite throughput", true};
  timed.measurement = size_t(speed - to.measurements.data());
  if (const Measurement* m = figure("latency", "first_token_latency"))
    timed.first_token_ms = m->samples.median;  // suites read times as ms
  if (const Measurement* m = figure("memory_phases", "process_peak_rss"))
    timed.memory_bytes = m->samples.max * 1e6;  // and bytes as MB
  to.choices.add(*named, std::move(timed));
}

}  // namespace

void read_suites(const Field& root, size_t source, Collected& to) {
  // One run writes its suites to several files; each is counted once.
  size_t repeated = 0;
  for (const Field& suite : root.at("suites").items()) {
    const auto same = [&](const Json* read) { return *read == suite.json(); };
    if (std::any_of(to.suites_read.begin(), to.suites_read.end(), same)) {
      ++repeated;
      continue;
    }
    to.suites_read.push_back(&suite.json());
    add_suite(suite, source, to);
  }
  add_choice(source, to);
  if (repeated)
    to.notes.push_back(fmt::format("{}: {} suites are those of a file before: counted once",
                                   to.sources[source].file, repeated));
}

}  // namespace qwench::bench::report
