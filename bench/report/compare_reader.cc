// Results of `qwench compare`: configurations that took turns, with verdicts.
#include <fmt/format.h>

#include "bench/report/collected.h"
#include "bench/support/program.h"

namespace qwench::bench::report {

namespace {

constexpr const char* kPhases[] = {"prefill", "decode"};

Section pair_section(bool ops) {
  Section section{
      ops ? "pair_ops" : "pairs",
      ops ? "Comparison in turns, op by op" : "Comparison in turns",
      {text_column("a"), text_column("b"), text_column("phase"), number_column("speed of b over a"),
       number_column("lower", "95 %"), number_column("upper", "95 %"),
       number_column("noise floor", "%"), number_column("rounds"), number_column("rounds needed"),
       verdict_column("verdict on b")}};
  if (ops) section.columns.insert(section.columns.begin() + 3, text_column("op"));
  section.notes = {
      "The noise floor is how far a configuration differs from itself in the same run.",
      "not_separated: no difference was shown."};
  return section;
}

void add_pair(const Field& pair, bool ops, size_t source, Collected& to) {
  const std::optional<Interval> ci = find_interval(pair, "ci95");
  const auto end = [&](double Interval::*which) { return end_of(ci, which, "too few rounds"); };
  const std::string a = pair.at("a").text(), b = pair.at("b").text();
  const std::string phase = pair.at("phase").text(), verdict = pair.at("verdict").text();
  const std::string mode_a = to.choices.mode(source, a), mode_b = to.choices.mode(source, b);
  std::vector<Cell> cells = {mode_a, mode_b, phase};
  if (ops) cells.emplace_back(pair.at("op").text());
  const std::optional<double> needed = pair.find_number("runs_needed");
  for (Cell cell : {Cell(pair.at("ratio").number()), end(&Interval::lo), end(&Interval::hi),
                    Cell(100 * pair.at("noise_floor").number()), Cell(pair.at("runs").number()),
                    cell_of(needed, "no number of rounds separates equals"), Cell(verdict)})
    cells.push_back(std::move(cell));
  to.section(pair_section(ops)).add(std::move(cells));
  if (ops) return;
  to.pairs.push_back({source, a, b, phase, verdict, ci});
  Chart& chart = to.chart("comparison", "Comparison in turns");
  if (chart.panels.empty())
    chart.panels.push_back({"Speed of b over a, 95 % interval",
                            PanelKind::kBar,
                            "",
                            "ratio, 1 is equal",
                            {},
                            {{"ratio", {}}}});
  Panel& panel = chart.panels[0];
  panel.series[0].points.push_back(
      {double(panel.categories.size()), pair.at("ratio").number(), ci});
  panel.categories.push_back(fmt::format("{} over {}, {}", mode_b, mode_a, phase));
}

void add_model(const Field& c, const Named& named, Collected& to) {
  const Subject& s = named.subject;
  // A build that is compared with another says only where it is.
  const std::string program = c.find_text("program");
  to.models.add({named.mode, text_cell(s.model), text_cell(""), Missing{"the file does not say"},
                 text_cell(s.dtype), text_cell(s.kv_dtype), text_cell(s.backend),
                 text_cell(program.empty() ? s.policy : program)});
}

/// Bytes of weights and of all else; nothing where the file does not say.
std::optional<std::pair<double, double>> memory_of(const Field& c) {
  const std::optional<Field> memory = c.find("memory");
  if (!memory) return std::nullopt;
  double weights = 0, others = 0;
  for (const auto& [kind, bytes] : memory->members())
    (kind == "weights" ? weights : others) += bytes.bytes();
  return std::pair(weights, others);
}

void add_memory(const Field& c, const Named& named, Collected& to) {
  const auto memory = memory_of(c);
  if (!memory) return;
  const auto [weights, others] = *memory;
  to.memory.add({named.mode, weights / 1e9, others / 1e9, (weights + others) / 1e9});
}

/// "decode 16 tokens in turns, batch 4".
std::string case_name(const std::string& phase, const Field& config) {
  std::string name =
      fmt::format("{} {} tokens in turns", phase, config.at(phase + "_tokens").integer());
  for (const auto& [key, usual] : {std::pair("batch", 1.0), {"depth", 0.0}})
    if (const auto n = config.find_number(key); n && *n != usual)
      name += fmt::format(", {} {}", key, display(*n));
  return name;
}

void add_speed(const Field& c, const std::string& phase, const Named& named, const Field& config,
               Collected& to) {
  const std::optional<Field> speed = c.find(phase + "_tokens_per_second");
  if (!speed) return;
  const Sampled samples = read_sampled(*speed);
  const std::string name = case_name(phase, config);
  const bool decode = phase == "decode";
  const double batch = config.find_number("batch").value_or(1);
  TimedCase timed{
      name, decode, true, batch, config.find_number("depth").value_or(0), to.measurements.size()};
  if (const auto memory = memory_of(c)) {
    timed.weight_bytes = memory->first;
    timed.memory_bytes = memory->first + memory->second;
  }
  to.choices.add(named, timed);
  to.measurements.push_back({named.source, named.mode, phase, name, "tokens/s",
                             Quantity::kThroughput, samples, named.given, named.choices.front()});
  // Of one sequence: a step of a batch gives each of them a token.
  const double ms = 1e3 * (decode ? batch : 1);
  to.speed.add({named.mode, name, samples.median,
                samples.median > 0 ? Cell(ms / samples.median) : Cell(Missing{"no tokens"}),
                Missing{"turns have no one total"}, Missing{"compare measures no roofline"}});
}

/// What it computes wrongly in a timed phase; nothing where it does not, or the file does not say.
std::optional<std::string> wrong_of(const Field& logits) {
  if (const auto phases = logits.find("phases"))
    for (const Field& phase : phases->items())
      if (const std::string wrong = phase.find_text("wrong"); !wrong.empty())
        return fmt::format("wrong in {}: {}", phase.at("phase").text(), wrong);
  const auto correct = logits.find("correct");
  const bool known = correct && correct->json().is_boolean();
  return known && !correct->flag() ? std::optional<std::string>("wrong result") : std::nullopt;
}

void add_quality(const Field& c, const Named& named, const std::string& reference, Collected& to) {
  const Field logits = c.at("logits");
  const std::optional<double> kl = logits.find_number("mean_kl"), top1 = logits.find_number("top1");
  QualityFigure figure;
  figure.text = figure.key = fmt::format("turns of file {}", named.source);
  figure.over = fmt::format("random tokens of {}, against {}", model_name(c.file()),
                            to.choices.mode(named.source, reference));
  figure.kl = kl;
  if (kl) to.choices.add(named, figure);
  const std::optional<std::string> wrong = wrong_of(logits);
  if (wrong) to.choices.fail(named, *wrong);
  const std::string none = "compare runs no text", other = "not of the same vocabulary";
  const bool first = named.key == reference;
  to.quality.add({named.mode, Missing{none}, Missing{none}, cell_of(kl, other),
                  cell_of(top1 ? std::optional<double>(100 * *top1) : top1, other), Missing{none},
                  Missing{none},
                  first   ? "reference"
                  : wrong ? "fail"
                          : "not judged",
                  figure.over});
}

void add_configuration(const Field& c, const Field& root, const Named& named,
                       const std::string& reference, Collected& to) {
  const Field config = root.at("config");
  add_model(c, named, to);
  for (const char* phase : kPhases) add_speed(c, phase, named, config, to);
  add_memory(c, named, to);
  add_quality(c, named, reference, to);
}

Section target_section() {
  Section section{"targets",
                  "Targets of the guides",
                  {text_column("configuration"), text_column("target"), number_column("value"),
                   verdict_column("verdict")}};
  section.telling = {2};
  return section;
}

void add_targets(const Field& root, size_t source, Collected& to) {
  const std::optional<Field> targets = root.find("targets");
  if (!targets || !root.find_flag("targets_asked", true)) return;
  for (const Field& target : targets->items())
    to.section(target_section())
        .add({to.choices.mode(source, target.at("configuration").text()),
              target.at("target").text(), cell_of(target.find_number("value"), "not measured"),
              target.at("passed").flag() ? "pass" : "fail"});
}

}  // namespace

void read_compare(const Field& root, size_t source, Collected& to) {
  // What the others are compared with: a file of one configuration alone need not hold it.
  const std::vector<Field> configurations = root.at("configurations").items(),
                           pairs = root.at("pairs").items();
  std::string reference = configurations.empty() ? "" : configurations.front().at("name").text();
  if (!pairs.empty()) reference = pairs.front().at("a").text();
  for (const Field& c : configurations)
    add_configuration(c, root, to.choices.at(source, c.at("name").text()), reference, to);
  for (const Field& pair : pairs) add_pair(pair, false, source, to);
  if (const auto ops = root.find("kernels"))
    for (const Field& pair : ops->items()) add_pair(pair, true, source, to);
  add_targets(root, source, to);
}

}  // namespace qwench::bench::report
