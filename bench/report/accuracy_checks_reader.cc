// What `qwench accuracy` checks besides text: tasks, gradients, folders of other software.
#include <fmt/format.h>

#include "bench/report/accuracy_document.h"

namespace qwench::bench::report {

namespace {

/// ROUGE-L and BLEU belong into the table of quality, beside what text comparison says of the same
/// configuration of this document.
void add_scores(const Field& result, Accuracy& a) {
  const std::optional<Field> rouge = result.find("rougeL");
  const Cell f1 = rouge ? Cell(rouge->at("f1").number()) : Cell(Missing{"not scored"});
  const Cell bleu = cell_at(result, "corpus_bleu");
  const std::string name = a.mode(result, "name");
  std::vector<std::vector<Cell>>& rows = a.to.quality.rows;
  for (size_t i = a.first_quality; i < rows.size(); ++i)
    if (std::get<std::string>(rows[i][0]) == name) {
      rows[i][5] = f1, rows[i][6] = bleu;
      return;
    }
  const std::string none = "no text was compared";
  a.to.quality.add({name, Missing{none}, Missing{none}, Missing{none}, Missing{none}, f1, bleu,
                    "not judged", Missing{none}});
}

void add_task(const Field& task, Accuracy& a) {
  Section& section =
      a.to.section({"tasks",
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
    section.add({name, a.mode(result, "name"), result.at("n").number(), percent(result, "acc"),
                 percent(result, "acc_stderr"),
                 test ? Cell(test->at("p_value").number()) : Cell(Missing{"nothing to pair with"}),
                 percent(result, "exact_match")});
    if (result.find("corpus_bleu")) add_scores(result, a);
  }
}

void add_gradients(const Field& gradients, Accuracy& a) {
  Section like{"gradients",
               "Gradients",
               {text_column("candidate"), text_column("gradient of"), number_column("cosine"),
                number_column("relative L2"), verdict_column("verdict")}};
  like.telling = {2, 3};
  Section& section = a.to.section(like);
  const std::string every = "every configuration", none = "not compared so";
  const Field differences = gradients.at("finite_differences");
  section.add({every, "backward against central differences", Missing{none},
               cell_at(differences, "error"), a.verdict(differences.at("pass").flag())});
  if (const auto recompute = gradients.find("recompute"))
    section.add({every, "recomputed activations", Missing{none}, Missing{none},
                 a.verdict(recompute->at("equal").flag())});
  if (const auto golden = gradients.find("golden"))
    for (const Field& row : golden->items())
      section.add({row.at("file").text(), row.at("tensor").text(), Missing{none},
                   cell_at(row, "error"), a.verdict(row.at("pass").flag())});
  for (const Field& row : gradients.at("rows").items()) {
    const bool pass = row.at("pass").flag();
    const std::string tensor = row.at("tensor").text();
    section.add({a.mode(row, "candidate"), tensor, cell_at(row, "cosine"),
                 cell_at(row, "relative_l2"), a.verdict(pass)});
    if (!pass) a.fail(row.at("candidate").text(), "gradient of " + tensor);
  }
}

void add_golden(const Field& row, Accuracy& a) {
  const bool pass = row.at("passed").flag();
  const std::string folder = row.at("folder").text();
  Section like{"golden",
               "Against other software",
               {text_column("folder"), text_column("configuration"), number_column("tokens"),
                number_column("logits, relative difference"), number_column("mean KL", "nats"),
                verdict_column("verdict")}};
  like.telling = {3, 4};
  a.to.section(like).add({folder, a.mode(row, "configuration"), row.at("n_tokens").number(),
                          row.at("logits").at("relative").number(), row.at("mean_kl").number(),
                          a.verdict(pass)});
  if (!pass) a.fail(row.at("configuration").text(), "golden folder " + folder);
}

}  // namespace

void read_tasks(const Field& root, Accuracy& a) {
  if (const auto tasks = root.find("tasks"))
    for (const Field& task : tasks->items()) add_task(task, a);
}

void read_gradients(const Field& root, Accuracy& a) {
  if (const auto gradients = root.find("gradients")) add_gradients(*gradients, a);
}

void read_golden(const Field& root, Accuracy& a) {
  if (const auto golden = root.find("golden"))
    for (const Field& row : golden->items()) add_golden(row, a);
}

}  // namespace qwench::bench::report
