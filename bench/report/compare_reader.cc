// Results of `qwench compare`: configurations that took turns, with verdicts.
#include <fmt/format.h>

#include "bench/report/collected.h"

namespace qwench::bench::report {

namespace {

constexpr size_t kMostBars = 40;
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

void add_pair(const Field& pair, bool ops, Collected& to) {
  const std::optional<Interval> ci = find_interval(pair, "ci95");
  const auto end = [&](double Interval::*which) { return end_of(ci, which, "too few rounds"); };
  std::vector<Cell> cells = {pair.at("a").text(), pair.at("b").text(), pair.at("phase").text()};
  if (ops) cells.emplace_back(pair.at("op").text());
  const std::optional<double> needed = pair.find_number("runs_needed");
  for (Cell cell :
       {Cell(pair.at("ratio").number()), end(&Interval::lo), end(&Interval::hi),
        Cell(100 * pair.at("noise_floor").number()), Cell(pair.at("runs").number()),
        cell_of(needed, "no number of rounds separates equals"), Cell(pair.at("verdict").text())})
    cells.push_back(std::move(cell));
  to.section(pair_section(ops)).add(std::move(cells));
  if (ops) return;
  Chart& chart = to.chart("comparison", "Comparison in turns");
  if (chart.panels.empty())
    chart.panels.push_back({"Speed of b over a, 95 % interval",
                            PanelKind::kBar,
                            "",
                            "ratio, 1 is equal",
                            {},
                            {{"ratio", {}}}});
  Panel& panel = chart.panels[0];
  if (panel.categories.size() >= kMostBars) return;
  panel.series[0].points.push_back(
      {double(panel.categories.size()), pair.at("ratio").number(), ci});
  panel.categories.push_back(fmt::format("{} over {}, {}", pair.at("b").text(), pair.at("a").text(),
                                         pair.at("phase").text()));
}

struct Named {
  std::string name, model, dtype, kv, policy;
  std::string key() const { return configuration_key(model, dtype, kv, policy); }
};

/// A build that is compared with another says only where it is: it is its own configuration.
Named read_named(const Field& c, const Field& config) {
  const std::string name = c.at("name").text();
  if (const std::string program = c.find_text("program"); !program.empty())
    return {name, config.at("model").text(), "", "", program};
  return {name, c.at("model").text(), c.at("dtype").text(), c.at("kv_dtype").text(),
          c.at("kernel_policy").text()};
}

void add_model(const Field& c, const Named& named, Collected& to) {
  const auto cell = [](const std::string& text) {
    return text.empty() ? Cell(Missing{"the file does not say"}) : Cell(text);
  };
  to.models.add({named.name, named.model, cell(""), cell(""), cell(named.dtype), cell(named.kv),
                 cell(c.find_text("backend")), named.policy});
}

void add_memory(const Field& c, const Named& named, Choice& choice, Collected& to) {
  double weights = 0, others = 0;
  for (const auto& [kind, bytes] : c.at("memory").members())
    (kind == "weights" ? weights : others) += bytes.bytes();
  to.memory.add({named.name, weights / 1e9, others / 1e9, (weights + others) / 1e9});
  choice.weight_bytes = weights;
  choice.memory_bytes = std::max(choice.memory_bytes.value_or(0), weights + others);
}

void add_configuration(const Field& c, const Field& root, size_t source, bool first,
                       Collected& to) {
  const Field config = root.at("config");
  const Named named = read_named(c, config);
  Choice& choice = to.choice(named.key(), named.name);
  add_model(c, named, to);
  for (const char* phase : kPhases) {
    const std::optional<Field> speed = c.find(std::string(phase) + "_tokens_per_second");
    if (!speed) continue;
    const Sampled samples = read_sampled(*speed);
    const std::string name = fmt::format("{} {} tokens in turns", phase,
                                         config.at(std::string(phase) + "_tokens").integer());
    to.measurements.push_back(
        {source, named.name, phase, name, "tokens/s", Quantity::kThroughput, samples});
    // Of one sequence: a step of a batch gives each of them a token.
    const bool steps = std::string_view(phase) == "decode";
    const double ms = 1e3 * (steps ? config.find_number("batch").value_or(1) : 1);
    to.speed.add({named.name, name, samples.median,
                  samples.median > 0 ? Cell(ms / samples.median) : Cell(Missing{"no tokens"}),
                  Missing{"turns have no one total"}, Missing{"compare measures no roofline"}});
    (steps ? choice.decode : choice.prefill) = samples.median;
  }
  if (c.find("memory")) add_memory(c, named, choice, to);
  choice.reference = choice.reference || first;
  const Field logits = c.at("logits");
  if (const auto kl = logits.find_number("mean_kl"); kl && !choice.kl) choice.kl = *kl;
  const std::optional<double> top1 = logits.find_number("top1");
  to.quality.add({named.name, Missing{"compare runs no text"}, Missing{"compare runs no text"},
                  cell_of(logits.find_number("mean_kl"), "other vocabularies"),
                  cell_of(top1 ? std::optional<double>(100 * *top1) : top1, "other vocabularies"),
                  Missing{"compare generates no text"}, Missing{"compare generates no text"},
                  first ? "reference" : "not judged"});
}

void add_targets(const Field& root, Collected& to) {
  const std::optional<Field> targets = root.find("targets");
  if (!targets) return;
  for (const Field& target : targets->items())
    to.section({"targets",
                "Targets of the guides",
                {text_column("configuration"), text_column("target"), number_column("value"),
                 verdict_column("verdict")}})
        .add({target.at("configuration").text(), target.at("target").text(),
              cell_of(target.find_number("value"), "not measured"),
              target.at("passed").flag() ? "pass" : "fail"});
}

}  // namespace

void read_compare(const Field& root, size_t source, Collected& to) {
  bool first = true;
  for (const Field& c : root.at("configurations").items()) {
    add_configuration(c, root, source, first, to);
    first = false;
  }
  for (const Field& pair : root.at("pairs").items()) add_pair(pair, false, to);
  if (const auto ops = root.find("kernels"))
    for (const Field& pair : ops->items()) add_pair(pair, true, to);
  add_targets(root, to);
}

}  // namespace qwench::bench::report
