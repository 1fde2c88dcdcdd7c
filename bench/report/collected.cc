// The parts of every document that do not depend on its command.
#include "bench/report/collected.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "bench/report/runs.h"
#include "bench/support/program.h"

namespace qwench::bench::report {

Cell end_of(const std::optional<Interval>& interval, double Interval::*end, std::string reason) {
  if (interval) return (*interval).*end;
  return Missing{std::move(reason)};
}

Cell cell_at(const Field& object, std::string_view key) {
  return cell_of(object.find_number(key), fmt::format("{} is not in {}", key, object.file()));
}

Collected::Collected()
    : models{"models",
             "Models tested",
             {text_column("configuration"), text_column("model"), text_column("type"),
              number_column("parameters", "weights"), text_column("weights"),
              text_column("keys and values"), text_column("backend"), text_column("kernels")}},
      speed{"speed",
            "Speed",
            {text_column("configuration"), text_column("case"),
             number_column("speed, median", "tokens/s"), number_column("time per token", "ms"),
             number_column("total", "s"), number_column("of the roofline", "%")}},
      memory{"memory",
             "Memory",
             {text_column("configuration"), number_column("loading", "GB"),
              number_column("inference", "GB"), number_column("peak", "GB")},
             {},
             {"loading: weights; inference: keys and values, activations and scratch; peak: both"}},
      quality{"quality",
              "Quality",
              {text_column("configuration"), number_column("PPL"), number_column("PPL ratio"),
               number_column("mean KL", "nats"), number_column("top-1", "%"),
               number_column("ROUGE-L F1"), number_column("BLEU"), verdict_column("verdict"),
               text_column("measured over")}} {
  quality.telling = {3};
}

Section& Collected::section(const Section& like) {
  for (Section& s : sections)
    if (s.id == like.id) return s;
  sections.push_back(like);
  return sections.back();
}

Chart& Collected::chart(const std::string& id, const std::string& title) {
  for (Chart& c : charts)
    if (c.id == id) return c;
  charts.push_back({id, title, {}});
  return charts.back();
}

namespace {

struct Kind {
  std::string_view command;
  Reader read;
};
constexpr Kind kReaders[] = {{"bench", read_bench},     {"kernels", read_kernels},
                             {"compare", read_compare}, {"accuracy", read_accuracy},
                             {"regress", read_regress}, {"suites", read_suites},
                             {"monitor", read_monitor}, {"headline", read_headline}};

Source source_of(const Document& document, const Lines& lines, const Field& root) {
  Source source{printable_text(without_home(document.file)), document.command, {}, {}, {}};
  source.tool = line_of(lines, "program");
  if (const std::string commit = line_of(lines, "commit"); !commit.empty())
    source.tool += " (commit " + commit + ")";
  source.machine = line_of(lines, "processor");
  if (const std::string cores = line_of(lines, "physical cores"); !cores.empty())
    source.machine += ", " + cores + " cores";
  if (const auto environment = root.find("environment")) {
    source.when = environment->find_text("reported");
    if (source.when.empty()) source.when = environment->find_text("started");
  }
  return source;
}

void add_configuration(const Field& root, Collected& to) {
  const std::optional<Field> config = root.find("config");
  if (!config || !config->json().is_object() || config->json().empty()) return;
  Section& section =
      to.section({"configuration",
                  "Test configuration",
                  {text_column("file"), text_column("option"), text_column("value")}});
  for (const auto& [key, value] : config->members()) {
    const Json& json = value.json();
    section.add({printable_text(root.file()), key,
                 json.is_string() ? value.text() : printable_text(json.dump())});
  }
}

/// Of each, the part of its path by which its file is told from the others.
std::vector<std::string> short_files(const std::vector<Source>& sources) {
  std::vector<std::string> names;
  for (const Source& source : sources) {
    const std::string name = model_name(source.file);
    const auto same = std::count_if(sources.begin(), sources.end(),
                                    [&](const Source& s) { return model_name(s.file) == name; });
    names.push_back(same > 1 ? source.file : name);
  }
  return names;
}

/// A mode that several files have is told apart by the file.
template <class Measured>
void tell_apart(const std::vector<std::string>& files, std::vector<Measured>& all) {
  std::vector<std::string> names;
  for (const Measured& m : all) {
    const bool elsewhere = std::any_of(all.begin(), all.end(), [&](const Measured& o) {
      return o.mode == m.mode && o.source != m.source;
    });
    names.push_back(elsewhere ? fmt::format("{} [{}]", m.mode, files[m.source]) : m.mode);
  }
  for (size_t i = 0; i < names.size(); ++i) all[i].mode = names[i];
}

/// The environments that differ, and which one each document has. Those that say nothing need not be of
/// one: each has a number of its own behind the others.
void add_environments(const std::vector<Document>& documents, Collected& all) {
  std::vector<Lines> of_each;
  for (const Document& document : documents) {
    const Field root(document.json, document.file);
    Lines lines = environment_lines(root);
    all.sources.push_back(source_of(document, lines, root));
    const bool known = std::find(all.environments.begin(), all.environments.end(), lines) !=
                       all.environments.end();
    if (!known && !lines.empty()) all.environments.push_back(lines);
    of_each.push_back(std::move(lines));
  }
  for (size_t i = 0; i < of_each.size(); ++i) {
    const auto at = std::find(all.environments.begin(), all.environments.end(), of_each[i]);
    const bool known = at != all.environments.end();
    all.environment_of.push_back(known ? size_t(at - all.environments.begin())
                                       : all.environments.size() + i);
  }
}

/// Rows that do not name a configuration are told apart by their file, where there are several.
constexpr std::string_view kByFile[] = {"criteria",     "kernels",         "refused_kernels",
                                        "not_measured", "trend",           "gradients",
                                        "headline",     "headline_latency"};

/// Which source each row of each section is from: `rows` grows as documents are read.
using Origins = std::map<std::string, std::vector<size_t>>;

void note_origins(const Collected& all, size_t source, Origins& origins) {
  for (const Section& section : all.sections)
    origins[section.id].resize(section.rows.size(), source);
}

void add_files(const Origins& origins, const std::vector<std::string>& files, Collected& all) {
  for (Section& section : all.sections) {
    const std::vector<size_t>& of = origins.at(section.id);
    const bool several =
        std::adjacent_find(of.begin(), of.end(), std::not_equal_to<>()) != of.end();
    const bool by_file =
        std::find(std::begin(kByFile), std::end(kByFile), section.id) != std::end(kByFile);
    if (!several || !by_file) continue;
    section.columns.push_back(text_column("file"));
    for (size_t r = 0; r < section.rows.size(); ++r) section.rows[r].emplace_back(files[of[r]]);
  }
}

}  // namespace

Collected collect(const std::vector<Document>& documents) {
  Collected all;
  add_environments(documents, all);
  const std::vector<std::string> files = short_files(all.sources);
  all.choices = Choices(documents, files);
  all.choices.place(all.environment_of);
  Origins origins;
  for (size_t i = 0; i < documents.size(); ++i) {
    const Field root(documents[i].json, documents[i].file);
    add_configuration(root, all);
    for (const std::string& note : documents[i].notes) all.notes.push_back(note);
    all.interrupted.push_back(root.find_flag("interrupted"));
    if (all.interrupted.back())
      all.notes.push_back(all.sources[i].file +
                          ": interrupted, holds what was finished until then");
    for (const Kind& kind : kReaders)
      if (kind.command == documents[i].command) kind.read(root, i, all);
    note_origins(all, i, origins);
  }
  for (Measurement& m : all.measurements)
    if (m.given.empty()) m.given = m.mode;
  tell_apart(files, all.measurements);
  tell_apart(files, all.sweep);
  all.drifts = find_drifts(all);
  add_files(origins, files, all);
  if (!all.environments.empty())
    all.sections.insert(all.sections.begin(), environment_section(all.environments));
  return all;
}

Section missing_section() {
  return {"not_measured",
          "Not measured",
          {text_column("suite"), text_column("figure"), text_column("why")}};
}

}  // namespace qwench::bench::report
