// `qwench score`: text metrics of predictions that are there already; no model is involved.
#include <CLI/CLI.hpp>

#include "bench/commands.h"
#include "bench/support/exit_code.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "bench/support/table.h"
#include "bench/tasks/task_file.h"
#include "bench/text_metrics/custom_metric.h"
#include "bench/text_metrics/scores.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

struct ScoreOptions {
  std::string file;
  std::vector<std::string> metrics;
  bool json = false;
};

struct ScoredFile {
  std::vector<std::string> lines;  // as JSON, each ending with '\n': what custom metrics read
  std::vector<std::string> predictions, references;
};

ScoredFile read_file_to_score(const std::string& path) {
  ScoredFile file;
  for (const JsonLine& line : read_json_lines(path)) {
    file.predictions.push_back(read_string(line.value, "prediction", line.where));
    file.references.push_back(read_string(line.value, "reference", line.where));
    file.lines.push_back(to_line(OrderedJson(line.value)));
  }
  return file;
}

struct MetricResult {
  std::string name;
  std::vector<double> values;  // per line
};

OrderedJson metric_means(const std::vector<MetricResult>& metrics) {
  OrderedJson json = OrderedJson::object();
  for (const MetricResult& m : metrics) json[m.name] = mean(m.values);
  return json;
}

OrderedJson document(const std::string& path, const TextScores& scores,
                     const std::vector<MetricResult>& metrics) {
  OrderedJson lines = OrderedJson::array();
  for (size_t i = 0; i < scores.rouge.size(); ++i) {
    OrderedJson line = to_json(scores.rouge[i]);
    line["sentence_bleu"] = scores.sentence_bleu[i];
    line["metrics"] = OrderedJson::object();
    for (const MetricResult& m : metrics) line["metrics"][m.name] = m.values[i];
    lines.push_back(std::move(line));
  }
  OrderedJson json = {{"file", without_home(path)}, {"n", scores.rouge.size()}};
  json.update(to_json(mean(scores.rouge)));
  json["sentence_bleu"] = mean(scores.sentence_bleu);
  json["corpus_bleu"] = scores.corpus_bleu.score;
  json["precisions"] = scores.corpus_bleu.precisions;
  json["brevity_penalty"] = scores.corpus_bleu.brevity_penalty;
  json["signature"] = kBleuSignature;
  json["sentence_signature"] = kSentenceBleuSignature;
  json["rouge"] = kRougeSignature;
  json["metrics"] = metric_means(metrics);
  json["lines"] = std::move(lines);
  return json;
}

std::string table(const TextScores& scores, const std::vector<MetricResult>& metrics) {
  Table table({"<metric", "score", "precision", "recall"});
  const Rouge r = mean(scores.rouge);
  const auto add = [&](const char* name, const PrecisionRecall& s) {
    table.add({name, fmt::format("{:.4f}", s.f1), fmt::format("{:.4f}", s.precision),
               fmt::format("{:.4f}", s.recall)});
  };
  add("ROUGE-1 (F1)", r.rouge1);
  add("ROUGE-2 (F1)", r.rouge2);
  add("ROUGE-L (F1)", r.rougeL);
  table.add({"BLEU (corpus)", fmt::format("{:.2f}", scores.corpus_bleu.score), "-", "-"});
  table.add({"BLEU (mean of lines)", fmt::format("{:.2f}", mean(scores.sentence_bleu)), "-", "-"});
  for (const MetricResult& m : metrics)
    table.add({m.name, fmt::format("{:.6g}", mean(m.values)), "-", "-"});
  return fmt::format("{}{} lines; BLEU {}; ROUGE {}\n", table.to_string(), scores.rouge.size(),
                     kBleuSignature, kRougeSignature);
}

int run_score(const ScoreOptions& o) {
  const std::vector<CustomMetric> custom = parse_metrics(o.metrics);
  const ScoredFile file = read_file_to_score(o.file);
  const TextScores scores = score_texts(file.predictions, file.references);
  std::vector<MetricResult> metrics;
  for (const CustomMetric& m : custom) metrics.push_back({m.name, run_metric(m, file.lines)});
  print(o.json ? to_text(document(o.file, scores, metrics)) : table(scores, metrics));
  return kExitOk;
}

}  // namespace

void add_score_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<ScoreOptions>();
  CLI::App* command = program.add_subcommand(
      "score", "Score texts against references by ROUGE, BLEU and metrics of your own");
  command->add_option("file", o->file, "JSON lines {\"prediction\", \"reference\"}")->required();
  command->add_flag("--json", o->json, "One JSON document, with the scores of every line");
  command
      ->add_option("--metric", o->metrics,
                   "NAME=COMMAND: gets the lines on stdin, prints one number for each")
      ->allow_extra_args(false);
  command->callback([o, &chosen] { chosen = [o] { return run_score(*o); }; });
}

}  // namespace qwench::bench
