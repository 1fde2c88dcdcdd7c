// Results of `qwench accuracy`: what text comparison found of every candidate.
#include <fmt/format.h>

#include <algorithm>

#include "bench/report/accuracy_document.h"
#include "bench/support/program.h"

namespace qwench::bench::report {

namespace {

/// "1 of 19 windows" of a result that ended early, else "".
std::string part_of(const Field& text, const Field& root) {
  const auto run = text.find_number("windows_run"), all = text.find_number("windows");
  if (!root.find_flag("interrupted") || !run || !all || *run >= *all) return {};
  return fmt::format("{} of {} windows", display(*run), display(*all));
}

/// Tokens that were scored, where a candidate says it.
std::string scored_of(const Field& root) {
  if (const auto candidates = root.find("candidates"))
    for (const Field& c : candidates->items())
      if (const auto n = c.find_number("tokens")) return display(*n);
  return "?";
}

/// Which text, in which windows, against which reference: only figures over the same are comparable,
/// and those of a file that does not say it only with each other.
QualityFigure measure_of(const Field& root, Accuracy& a) {
  QualityFigure figure;
  figure.of_text = true;
  const std::optional<Field> text = root.find("text"), reference = root.find("reference");
  const std::string unknown = fmt::format("file {}", a.source);
  if (!text || !reference) {
    figure.text = figure.key = unknown, figure.over = "a text that is not named";
    return figure;
  }
  const Named& named = a.named(*reference);
  const std::string hash = text->find_text("ids_hash");
  const auto part = [&](const char* key) {
    const std::optional<Field> value = text->find(key);
    return value ? value->json().dump() : std::string("?");
  };
  const std::optional<std::string> numbers = numbers_key(named.subject);
  const std::optional<Field> bound = root.find("kld_is_lower_bound");
  const std::string file = fmt::format("{} ({})", text->find_text("file"),
                                       hash.empty() ? "unknown ids" : "ids " + hash.substr(0, 8));
  a.part = part_of(*text, root);
  // Of a part, that it is one comes first: tables cut long texts.
  figure.over =
      a.part.empty()
          ? fmt::format("{}, {} tokens, {} of {} windows of {}, against {}", file, part("ids"),
                        part("windows_run"), part("windows"), part("window"), named.mode)
          : fmt::format("{} (interrupted), {} of {} tokens of {}, windows of {}, against {}",
                        a.part, scored_of(root), part("ids"), file, part("window"), named.mode);
  figure.text =
      hash.empty() ? unknown : fmt::format("{}\n{}\n{}", hash, part("window"), part("windows_run"));
  figure.key = hash.empty() || !numbers ? unknown
                                        : fmt::format("{}\n{}\n{}", figure.text,
                                                      bound ? bound->json().dump() : "", *numbers);
  return figure;
}

void add_model(const Field& c, Accuracy& a) {
  const Named& named = a.named(c);
  const Subject& s = named.subject;
  a.to.models.add({named.mode, text_cell(s.model), text_cell(""), Missing{"the file does not say"},
                   text_cell(s.dtype), text_cell(s.kv_dtype), text_cell(s.backend),
                   text_cell(s.policy)});
}

/// A bar in the panel of this title: figures over different texts stand in panels of their own.
void add_bar(const std::string& title, const char* y_label, const std::string& name, Point point,
             Collected& to) {
  std::vector<Panel>& panels = to.chart("quality", "Quality").panels;
  auto at = std::find_if(panels.begin(), panels.end(),
                         [&](const Panel& panel) { return panel.title == title; });
  if (at == panels.end())
    at = panels.insert(at, {title, PanelKind::kBar, "", y_label, {}, {{y_label, {}}}});
  point.x = double(at->categories.size());
  at->series[0].points.push_back(std::move(point));
  at->categories.push_back(name);
}

void add_reference(const Field& reference, Accuracy& a) {
  const std::string none = "it is what the others are compared with";
  add_model(reference, a);
  const Named& named = a.named(reference);
  QualityFigure figure = a.text;
  figure.kl = 0;  // of itself
  figure.perplexity = reference.find_number("perplexity");
  a.to.choices.add(named, figure);
  if (figure.perplexity)
    add_bar("Perplexity: " + figure.over, "perplexity", named.mode, {0, *figure.perplexity}, a.to);
  a.to.quality.add({named.mode, cell_at(reference, "perplexity"), Missing{none}, Missing{none},
                    Missing{none}, Missing{"see the tasks"}, Missing{"see the tasks"}, "reference",
                    figure.over});
}

/// The limits that a candidate missed, in one text.
std::string missed(const Field& c) {
  std::string metrics;
  for (const Field& v : c.at("verdicts").items())
    if (!v.at("pass").flag()) metrics += (metrics.empty() ? "" : ", ") + v.at("metric").text();
  return metrics.empty() ? "accuracy" : metrics;
}

void add_quality(const Field& c, Accuracy& a) {
  const Named& named = a.named(c);
  const std::string none = "no position was compared";
  const std::optional<Field> kld = c.find("kld"), ratio = c.find("ppl_ratio");
  const std::optional<double> top1 = c.find_number("top1");
  QualityFigure figure = a.text;
  figure.kl = kld ? kld->find_number("mean") : std::nullopt;
  figure.perplexity = c.find_number("perplexity");
  figure.perplexity_ratio = ratio ? ratio->find_number("value") : std::nullopt;
  const bool pass = c.at("pass").flag();
  a.to.quality.add(
      {named.mode, cell_of(figure.perplexity, none), cell_of(figure.perplexity_ratio, none),
       cell_of(figure.kl, none), cell_of(top1 ? std::optional<double>(100 * *top1) : top1, none),
       Missing{"see the tasks"}, Missing{"see the tasks"}, a.text_verdict(pass), figure.over});
  a.to.choices.add(named, figure);
  if (!pass) a.fail(named.key, missed(c));
  if (figure.kl) {
    Point point{0, *figure.kl};
    const std::optional<double> lo = kld->find_number("mean_lo"), hi = kld->find_number("mean_hi");
    if (lo && hi) point.interval = Interval{*lo, *hi};
    add_bar("Mean KL: " + figure.over, "nats", named.mode, point, a.to);
  }
  if (figure.perplexity)
    add_bar("Perplexity: " + figure.over, "perplexity", named.mode, {0, *figure.perplexity}, a.to);
}

void add_verdicts(const Field& c, const std::string& name, Accuracy& a) {
  Section like{"tolerances",
               "Tolerances",
               {text_column("configuration"), text_column("metric"), number_column("value"),
                text_column("bound"), number_column("limit"), verdict_column("verdict")}};
  like.telling = {2, 4};
  bool all = true;
  for (const Field& v : c.at("verdicts").items()) {
    all = all && v.at("pass").flag();
    a.to.section(like).add({name, v.at("metric").text(),
                            cell_of(v.find_number("value"), "not finite"),
                            v.at("bound").text() == "at_least" ? "at least" : "at most",
                            v.at("limit").number(), a.text_verdict(v.at("pass").flag())});
  }
  const std::string none = "the file does not say which";
  if (all && !c.at("pass").flag())
    a.to.section(like).add({name, "a limit", Missing{none}, "", Missing{none}, a.verdict(false)});
}

void add_layers(const Field& c, Accuracy& a) {
  const std::optional<Field> layers = c.find("layers");
  if (!layers || layers->items().empty()) return;
  Chart& chart = a.to.chart("layers", "Error by layer");
  if (chart.panels.empty())
    chart.panels.push_back({"Relative L2 error of each layer's output",
                            PanelKind::kLine,
                            "layer",
                            "relative L2",
                            {},
                            {}});
  Series series{a.named(c).mode, {}};
  for (const Field& layer : layers->items())
    if (const auto error = layer.find_number("relative_l2"))
      series.points.push_back({layer.at("layer").number(), *error});
  if (!series.points.empty()) chart.panels[0].series.push_back(std::move(series));
}

void add_generation(const Field& c, Accuracy& a) {
  const std::optional<Field> generation = c.find("generation");
  if (!generation) return;
  a.to.section({"generation",
                "Greedy continuations",
                {text_column("configuration"), number_column("prompts"), number_column("tokens"),
                 number_column("identical"), number_column("exact prefix", "%"),
                 number_column("edit distance", "% of tokens")}})
      .add({a.named(c).mode, generation->at("prompts").number(), generation->at("tokens").number(),
            generation->at("identical").number(), 100 * generation->at("exact_prefix").number(),
            100 * generation->at("edit_distance").number()});
}

/// What failed as a whole, where no part of it says so.
void add_whole(Accuracy& a) {
  a.to.section({"proofs",
                "Results of accuracy as a whole",
                {text_column("file"), verdict_column("verdict")}})
      .add({a.file, a.verdict(false)});
}

}  // namespace

void read_accuracy(const Field& root, size_t source, Collected& to) {
  Accuracy a{source, to, model_name(to.sources[source].file), {}, to.quality.rows.size()};
  a.text = measure_of(root, a);
  if (const auto reference = root.find("reference")) add_reference(*reference, a);
  if (const auto candidates = root.find("candidates"))
    for (const Field& c : candidates->items()) {
      add_model(c, a);
      add_quality(c, a);
      add_verdicts(c, a.named(c).mode, a);
      add_layers(c, a);
      add_generation(c, a);
    }
  if (const auto floor = root.find("floor")) add_verdicts(*floor, "the reference once more", a);
  read_tasks(root, a);
  read_gradients(root, a);
  read_golden(root, a);
  // A result that never ended has no verdict and is refused; one that failed is never shown without a
  // failure.
  if (!root.at("pass").flag() && a.failed == 0) add_whole(a);
}

}  // namespace qwench::bench::report
