// Samples, and the parts of every document that do not depend on its command.
#include "bench/report/collected.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bench/support/environment.h"
#include "bench/support/table.h"
#include "engine/check.h"

namespace qwench::bench::report {

std::optional<Interval> find_interval(const Field& object, std::string_view key) {
  const std::optional<Field> field = object.find(key);
  if (!field) return std::nullopt;
  const std::vector<Field> ends = field->items();
  if (ends.size() != 2) field->refuse("two numbers");
  const Interval interval{ends[0].number(), ends[1].number()};
  if (interval.lo > interval.hi) field->refuse("the lower end first");
  return interval;
}

Cell end_of(const std::optional<Interval>& interval, double Interval::*end, std::string reason) {
  if (interval) return (*interval).*end;
  return Missing{std::move(reason)};
}

Sampled read_sampled(const Field& summary) {
  Sampled s;
  s.n = summary.at("n").integer();
  s.median = summary.at("median").number(), s.mean = summary.at("mean").number();
  s.std = summary.at("std").number();
  s.min = summary.at("min").number(), s.max = summary.at("max").number();
  if (s.n < 1) summary.at("n").refuse("at least 1");
  if (s.std < 0) summary.at("std").refuse("at least 0");
  if (!(s.min <= s.median && s.median <= s.max))
    summary.at("median").refuse("min <= median <= max");
  s.ci95 = find_interval(summary, "ci95");
  s.p95 = summary.find_number("p95"), s.p99 = summary.find_number("p99");
  if (const auto flag = summary.find("unstable")) s.unstable = flag->flag();
  if (const auto values = summary.find("values"))
    for (const Field& value : values->items()) s.values.push_back(value.number());
  return s;
}

Sampled sampled(std::vector<double> values) {
  const Summary summary = summarize(values);
  Sampled s;
  s.n = int64_t(values.size());
  s.median = summary.median, s.min = summary.min, s.max = summary.max;
  s.mean = mean(values), s.std = standard_deviation(values);
  s.ci95 = median_interval(values), s.unstable = unstable(values);
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  for (const auto& [fraction, percentile] : {std::pair{0.95, &s.p95}, {0.99, &s.p99}})
    if (s.n >= samples_for_percentile(fraction)) *percentile = quantile(sorted, fraction);
  s.values = std::move(values);
  return s;
}

Sampled scaled(Sampled s, double factor) {
  for (double* x : {&s.median, &s.mean, &s.std, &s.min, &s.max}) *x *= factor;
  for (double& v : s.values) v *= factor;
  for (std::optional<double>* p : {&s.p95, &s.p99})
    if (*p) **p *= factor;
  if (s.ci95) s.ci95 = Interval{s.ci95->lo * factor, s.ci95->hi * factor};
  return s;
}

Collected::Collected()
    : models{"models",
             "Models tested",
             {text_column("configuration"), text_column("model"), text_column("type"),
              number_column("parameters"), text_column("weights"), text_column("keys and values"),
              text_column("backend"), text_column("kernels")}},
      speed{"speed",
            "Speed",
            {text_column("configuration"), text_column("case"), number_column("speed", "tokens/s"),
             number_column("time per token", "ms"), number_column("total", "s"),
             number_column("of the roofline", "%")}},
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
               number_column("ROUGE-L F1"), number_column("BLEU"), verdict_column("verdict")}} {}

Choice& Collected::choice(const std::string& key, const std::string& name) {
  for (Choice& c : choices)
    if (c.key == key) {
      if (name.size() < c.name.size()) c.name = name;
      return c;
    }
  choices.push_back({});
  choices.back().key = key, choices.back().name = name;
  return choices.back();
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

std::string configuration_name(const std::string& model, const std::string& dtype,
                               const std::string& kv_dtype, const std::string& policy) {
  std::string name = model + " " + dtype;
  if (kv_dtype != "f32") name += ", kv " + kv_dtype;
  if (policy != "default") name += ", " + (policy.size() > 40 ? "forced kernels" : policy);
  return name;
}

std::string configuration_key(const std::string& model, const std::string& dtype,
                              const std::string& kv_dtype, const std::string& policy) {
  return model + "\n" + dtype + "\n" + kv_dtype + "\n" + policy;
}

Cell cell_at(const Field& object, std::string_view key) {
  return cell_of(object.find_number(key), fmt::format("{} is not in {}", key, object.file()));
}

namespace {

struct Kind {
  std::string_view command;
  Reader read;
};
constexpr Kind kReaders[] = {{"bench", read_bench},     {"kernels", read_kernels},
                             {"compare", read_compare}, {"accuracy", read_accuracy},
                             {"regress", read_regress}, {"suites", read_suites},
                             {"monitor", read_monitor}};

using Lines = std::vector<std::pair<std::string, std::string>>;

/// Number or text as text; "" where there is neither.
std::string said(const std::optional<Field>& field) {
  if (!field) return {};
  if (field->json().is_string()) return field->text();
  return field->json().is_number() ? display(field->number())
                                   : printable_text(field->json().dump());
}

/// What a reader of a report wants to know of a machine and a build, and what makes two differ.
Lines environment_lines(const Field& environment) {
  Lines lines;
  const auto add = [&](const char* what, const std::optional<Field>& block, const char* key) {
    if (!block || !block->json().is_object()) return;
    const std::string value = said(block->find(key));
    if (!value.empty()) lines.emplace_back(what, value);
  };
  const auto os = environment.find("os"), cpu = environment.find("cpu"),
             tool = environment.find("tool");
  add("system", os, "name"), add("kernel", os, "kernel"), add("machine", os, "machine");
  add("processor", cpu, "model"), add("physical cores", cpu, "physical_cores");
  add("logical cores", cpu, "logical_cores"), add("instruction sets", cpu, "isa");
  add("governor", cpu, "governor"), add("virtual machine", cpu, "virtual_machine");
  if (const auto ram = environment.find_number("ram_bytes"))
    lines.emplace_back("memory", format_bytes(int64_t(*ram)));
  add("program", tool, "version"), add("commit", tool, "git_hash");
  add("build type", tool, "build_type"), add("compiler", tool, "compiler");
  add("flags", tool, "flags");
  return lines;
}

std::string line_of(const Lines& lines, std::string_view what) {
  for (const auto& [name, value] : lines)
    if (name == what) return value;
  return {};
}

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

/// One column per distinct environment.
Section environment_section(const std::vector<Lines>& environments) {
  Section section{"environment", "Test environment", {text_column("item")}};
  std::vector<std::string> items;
  for (const Lines& lines : environments) {
    const size_t n = section.columns.size();
    section.columns.push_back(
        text_column(environments.size() == 1 ? "value" : fmt::format("environment {}", n)));
    for (const auto& [what, value] : lines)
      if (std::find(items.begin(), items.end(), what) == items.end()) items.push_back(what);
  }
  for (const std::string& item : items) {
    std::vector<Cell> cells = {item};
    for (const Lines& lines : environments) {
      const std::string value = line_of(lines, item);
      cells.push_back(value.empty() ? Cell(Missing{"the file does not say"}) : Cell(value));
    }
    section.add(std::move(cells));
  }
  if (environments.size() > 1)
    section.notes.push_back(
        "The results are not of one machine, build and state: a difference between them need not "
        "be one "
        "of the configurations.");
  return section;
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

/// The part of a path by which its file is told from the others.
std::string short_file(const Collected& all, size_t source) {
  const std::string name = model_name(all.sources[source].file);
  int64_t same = 0;
  for (const Source& s : all.sources) same += model_name(s.file) == name;
  return same > 1 ? all.sources[source].file : name;
}

/// A mode that several files have is told apart by the file.
void tell_apart(Collected& all) {
  std::vector<std::string> names;
  for (const Measurement& m : all.measurements) {
    const bool elsewhere =
        std::any_of(all.measurements.begin(), all.measurements.end(),
                    [&](const Measurement& o) { return o.mode == m.mode && o.source != m.source; });
    names.push_back(elsewhere ? fmt::format("{} [{}]", m.mode, short_file(all, m.source)) : m.mode);
  }
  for (size_t i = 0; i < names.size(); ++i) all.measurements[i].mode = names[i];
}

/// So are configurations of one name: by model and types, the first parts of their keys.
void tell_choices_apart(std::vector<Choice>& choices) {
  std::vector<std::string> names;
  for (const Choice& c : choices) {
    const bool elsewhere = std::count_if(choices.begin(), choices.end(),
                                         [&](const Choice& o) { return o.name == c.name; }) > 1;
    const size_t model = c.key.find('\n'), dtype = c.key.find('\n', model + 1);
    names.push_back(elsewhere ? fmt::format("{} ({} {})", c.name, c.key.substr(0, model),
                                            c.key.substr(model + 1, dtype - model - 1))
                              : c.name);
  }
  for (size_t i = 0; i < names.size(); ++i) choices[i].name = names[i];
}

}  // namespace

Collected collect(const std::vector<Document>& documents) {
  Collected all;
  std::vector<Lines> environments;
  for (const Document& document : documents) {
    const Field root(document.json, document.file);
    Lines lines;
    if (const auto environment = root.find("environment")) lines = environment_lines(*environment);
    all.sources.push_back(source_of(document, lines, root));
    if (!lines.empty() &&
        std::find(environments.begin(), environments.end(), lines) == environments.end())
      environments.push_back(std::move(lines));
  }
  if (!environments.empty()) all.sections.push_back(environment_section(environments));
  for (size_t i = 0; i < documents.size(); ++i) {
    const Field root(documents[i].json, documents[i].file);
    add_configuration(root, all);
    if (const auto interrupted = root.find("interrupted"); interrupted && interrupted->flag())
      all.notes.push_back(all.sources[i].file +
                          ": interrupted, holds what was finished until then");
    for (const Kind& kind : kReaders)
      if (kind.command == documents[i].command) kind.read(root, i, all);
  }
  tell_apart(all);
  tell_choices_apart(all.choices);
  return all;
}

}  // namespace qwench::bench::report
