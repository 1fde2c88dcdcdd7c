// Results of `qwench accuracy`: text, tasks, gradients and golden folders, whichever there are.
#include <fmt/format.h>

#include "bench/report/collected.h"

namespace qwench::bench::report {

namespace {

const char* verdict(bool pass) { return pass ? "pass" : "fail"; }

std::string key_of(const Field& c) {
  return configuration_key(c.at("model").text(), c.at("dtype").text(), c.at("kv_dtype").text(),
                           c.at("kernel_policy").text());
}

void add_model(const Field& c, Collected& to) {
  to.models.add({c.at("name").text(), c.at("model").text(), Missing{"the file does not say"},
                 Missing{"the file does not say"}, c.at("dtype").text(), c.at("kv_dtype").text(),
                 c.at("backend").text(), c.at("kernel_policy").text()});
}

void add_reference(const Field& reference, Collected& to) {
  const std::string name = reference.at("name").text();
  const std::string none = "it is what the others are compared with";
  add_model(reference, to);
  Choice& choice = to.choice(key_of(reference), name);
  choice.reference = true;
  choice.perplexity = reference.find_number("perplexity");
  to.quality.add({name, cell_at(reference, "perplexity"), Missing{none}, Missing{none},
                  Missing{none}, Missing{"see the tasks"}, Missing{"see the tasks"}, "reference"});
}

void add_bar(Chart& chart, size_t panel, const std::string& name, const Point& point) {
  Panel& p = chart.panels[panel];
  p.series[0].points.push_back(point);
  p.series[0].points.back().x = double(p.categories.size());
  p.categories.push_back(name);
}

Chart& quality_chart(Collected& to) {
  Chart& chart = to.chart("quality", "Quality");
  if (chart.panels.empty()) {
    chart.panels.push_back({"Mean KL divergence from the reference",
                            PanelKind::kBar,
                            "",
                            "nats",
                            {},
                            {{"mean KL", {}}}});
    chart.panels.push_back({"Perplexity", PanelKind::kBar, "", "perplexity", {}, {{"PPL", {}}}});
  }
  return chart;
}

void add_quality(const Field& c, Collected& to) {
  const std::string name = c.at("name").text(), none = "no position was compared";
  const std::optional<Field> kld = c.find("kld"), ratio = c.find("ppl_ratio");
  const std::optional<double> ppl = c.find_number("perplexity"), top1 = c.find_number("top1"),
                              kl = kld ? kld->find_number("mean") : std::nullopt,
                              change = ratio ? ratio->find_number("value") : std::nullopt;
  const bool pass = c.at("pass").flag();
  to.quality.add({name, cell_of(ppl, none), cell_of(change, none), cell_of(kl, none),
                  cell_of(top1 ? std::optional<double>(100 * *top1) : top1, none),
                  Missing{"see the tasks"}, Missing{"see the tasks"}, verdict(pass)});
  Choice& choice = to.choice(key_of(c), name);
  if (kl) choice.kl = kl;  // over text: it counts more than the random tokens of `compare`
  if (ppl) choice.perplexity = ppl;
  if (change) choice.perplexity_ratio = change;
  choice.accurate = choice.accurate.value_or(true) && pass;
  if (kl) {
    Point point{0, *kl};
    const std::optional<double> lo = kld->find_number("mean_lo"), hi = kld->find_number("mean_hi");
    if (lo && hi) point.interval = Interval{*lo, *hi};
    add_bar(quality_chart(to), 0, name, point);
  }
  if (ppl) add_bar(quality_chart(to), 1, name, {0, *ppl});
}

void add_verdicts(const Field& c, Collected& to) {
  for (const Field& v : c.at("verdicts").items())
    to.section({"tolerances",
                "Tolerances",
                {text_column("configuration"), text_column("metric"), number_column("value"),
                 text_column("bound"), number_column("limit"), verdict_column("verdict")}})
        .add({c.at("name").text(), v.at("metric").text(),
              cell_of(v.find_number("value"), "not finite"),
              v.at("bound").text() == "at_least" ? "at least" : "at most", v.at("limit").number(),
              verdict(v.at("pass").flag())});
}

void add_layers(const Field& c, Collected& to) {
  const std::optional<Field> layers = c.find("layers");
  if (!layers || layers->items().empty()) return;
  Chart& chart = to.chart("layers", "Error by layer");
  if (chart.panels.empty())
    chart.panels.push_back({"Relative L2 error of each layer's output",
                            PanelKind::kLine,
                            "layer",
                            "relative L2",
                            {},
                            {}});
  Series series{c.at("name").text(), {}};
  for (const Field& layer : layers->items())
    if (const auto error = layer.find_number("relative_l2"))
      series.points.push_back({layer.at("layer").number(), *error});
  if (!series.points.empty()) chart.panels[0].series.push_back(std::move(series));
}

void add_generation(const Field& c, Collected& to) {
  const std::optional<Field> generation = c.find("generation");
  if (!generation) return;
  to.section({"generation",
              "Greedy continuations",
              {text_column("configuration"), number_column("prompts"), number_column("tokens"),
               number_column("identical"), number_column("exact prefix", "%"),
               number_column("edit distance", "% of tokens")}})
      .add({c.at("name").text(), generation->at("prompts").number(),
            generation->at("tokens").number(), generation->at("identical").number(),
            100 * generation->at("exact_prefix").number(),
            100 * generation->at("edit_distance").number()});
}

/// ROUGE-L and BLEU belong into the table of quality, beside what text comparison says of the name.
void add_scores(const Field& result, Collected& to) {
  const std::optional<Field> rouge = result.find("rougeL");
  const Cell f1 = rouge ? Cell(rouge->at("f1").number()) : Cell(Missing{"not scored"});
  const Cell bleu = cell_at(result, "corpus_bleu");
  const std::string name = result.at("name").text();
  for (std::vector<Cell>& cells : to.quality.rows)
    if (std::get<std::string>(cells[0]) == name) {
      cells[5] = f1, cells[6] = bleu;
      return;
    }
  const std::string none = "no text was compared";
  to.quality.add(
      {name, Missing{none}, Missing{none}, Missing{none}, Missing{none}, f1, bleu, "not judged"});
}

void add_task(const Field& task, Collected& to) {
  Section& section =
      to.section({"tasks",
                  "Tasks",
                  {text_column("task"), text_column("configuration"), number_column("items"),
                   number_column("accuracy", "%"), number_column("standard error", "%"),
                   number_column("p (McNemar)"), number_column("exact match", "%")}});
  const std::string name = task.at("task").text();
  if (const std::string why = task.find_text("skipped"); !why.empty())
    section.notes.push_back(fmt::format("{}: skipped, {}", name, why));
  if (const std::string note = task.find_text("note"); !note.empty())
    section.notes.push_back(fmt::format("{}: {}", name, note));
  const auto percent = [](const Field& object, const char* key) {
    const std::optional<double> part = object.find_number(key);
    return part ? Cell(100 * *part) : Cell(Missing{"not a figure of this task"});
  };
  for (const Field& result : task.at("results").items()) {
    const std::optional<Field> test = result.find("mcnemar");
    section.add({name, result.at("name").text(), result.at("n").number(), percent(result, "acc"),
                 percent(result, "acc_stderr"),
                 test ? Cell(test->at("p_value").number()) : Cell(Missing{"nothing to pair with"}),
                 percent(result, "exact_match")});
    if (result.find("corpus_bleu")) add_scores(result, to);
  }
}

void add_gradients(const Field& gradients, Collected& to) {
  Section& section =
      to.section({"gradients",
                  "Gradients",
                  {text_column("candidate"), text_column("gradient of"), number_column("cosine"),
                   number_column("relative L2"), verdict_column("verdict")}});
  const Field differences = gradients.at("finite_differences");
  section.notes.push_back(fmt::format("backward against central differences: {}",
                                      verdict(differences.at("pass").flag())));
  for (const Field& row : gradients.at("rows").items())
    section.add({row.at("candidate").text(), row.at("tensor").text(), cell_at(row, "cosine"),
                 cell_at(row, "relative_l2"), verdict(row.at("pass").flag())});
}

void add_golden(const Field& row, Collected& to) {
  to.section({"golden",
              "Against other software",
              {text_column("folder"), text_column("configuration"), number_column("tokens"),
               number_column("logits, relative difference"), number_column("mean KL", "nats"),
               verdict_column("verdict")}})
      .add({row.at("folder").text(), row.at("configuration").text(), row.at("n_tokens").number(),
            row.at("logits").at("relative").number(), row.at("mean_kl").number(),
            verdict(row.at("passed").flag())});
}

}  // namespace

void read_accuracy(const Field& root, size_t, Collected& to) {
  if (const auto reference = root.find("reference")) add_reference(*reference, to);
  if (const auto candidates = root.find("candidates"))
    for (const Field& c : candidates->items()) {
      add_model(c, to);
      add_quality(c, to);
      add_verdicts(c, to);
      add_layers(c, to);
      add_generation(c, to);
    }
  if (const auto tasks = root.find("tasks"))
    for (const Field& task : tasks->items()) add_task(task, to);
  if (const auto gradients = root.find("gradients")) add_gradients(*gradients, to);
  if (const auto golden = root.find("golden"))
    for (const Field& row : golden->items()) add_golden(row, to);
  root.at("pass").flag();  // a result that never ended has none
}

}  // namespace qwench::bench::report
