// Tables and JSON of a comparison; the targets are those of the benchmark guides: a fifth faster, 15 %
// less memory, outputs within 1 %.
#include "bench/comparison/comparison_report.h"

#include <algorithm>

#include "bench/machine/environment.h"
#include "bench/support/output.h"
#include "bench/support/table.h"

namespace qwench::bench {

namespace {

constexpr int kComparisonSchemaVersion = 1;
constexpr double kFaster = 1.20, kLessMemory = 0.85, kRelativeError = 0.01;

std::string runs_text(const Paired& p) {
  if (p.verdict != Verdict::kNotSeparated || !p.runs_needed) return std::to_string(p.runs);
  return fmt::format("{}, takes about {}", p.runs, *p.runs_needed);
}

std::string pair_table(const std::vector<Pair>& pairs, bool ops) {
  Table table({"<a", "<b", "<phase", ops ? "<op" : "<of", "speed b/a", "95 %", "noise floor",
               "<verdict on b", "<rounds"});
  for (const Pair& pair : pairs) {
    const Paired& p = pair.paired;
    table.add({pair.a, pair.b, std::string(name_of(pair.phase)),
               ops ? std::string(pair.op) : "whole model", fmt::format("{:.4f}", p.ratio),
               p.ci95 ? fmt::format("{:.4f} - {:.4f}", p.ci95->lo, p.ci95->hi) : "too few runs",
               p.ci95 ? fmt::format("{:.2f} %", 100 * p.noise_floor) : "too few runs",
               std::string(pair.verdict()), runs_text(p)});
  }
  return table.to_string();
}

std::string configuration_table(const ComparisonReport& report) {
  std::vector<std::string> headings = {"<configuration"};
  for (const Phase phase : report.phases)
    headings.push_back(std::string(name_of(phase)) + " tok/s");
  for (const char* heading : {"memory", "rel. L2", "mean KL", "top-1 %", "<outputs"})
    headings.emplace_back(heading);
  Table table(headings);
  for (const ComparedConfiguration& c : report.configurations) {
    std::vector<std::string> cells = {c.name};
    for (const Summary& speed : c.tokens_per_second) cells.push_back(format_number(speed.median));
    cells.push_back(c.memory_bytes ? format_bytes(c.memory_bytes) : "-");
    const bool known = c.closeness.tokens > 0;
    cells.push_back(known ? fmt::format("{:.2e}", c.closeness.relative_l2) : "-");
    cells.push_back(known ? fmt::format("{:.2e}", c.closeness.mean_kl) : "-");
    cells.push_back(known ? fmt::format("{:.1f}", 100 * c.closeness.top1) : "-");
    cells.push_back(&c == report.configurations.data() ? "compared with"
                                                       : closeness_text(c.closeness));
    table.add(cells);
  }
  return table.to_string();
}

/// The guides' targets of b against a, in the order of the table.
OrderedJson targets_of(const ComparisonReport& report, size_t b) {
  const ComparedConfiguration &first = report.configurations[0], &other = report.configurations[b];
  OrderedJson targets = OrderedJson::array();
  const auto add = [&](const std::string& what, double value, const char* target, bool passed) {
    targets.push_back({{"configuration", other.name},
                       {"target", what + " " + target},
                       {"value", finite_or_null(value)},
                       {"passed", passed}});
  };
  for (const Pair& pair : report.pairs)
    if (pair.b == other.name)
      add(std::string(name_of(pair.phase)) + " speed", pair.paired.ratio, ">= 1.20",
          pair.paired.ratio >= kFaster && pair.verdict() == name_of(Verdict::kBetter));
  if (first.memory_bytes && other.memory_bytes) {
    const double memory = double(other.memory_bytes) / double(first.memory_bytes);
    add("memory", memory, "<= 0.85", memory <= kLessMemory);
  }
  if (other.closeness.tokens)
    add("relative L2 of logits", other.closeness.relative_l2, "<= 0.01",
        other.closeness.relative_l2 <= kRelativeError);
  return targets;
}

OrderedJson all_targets(const ComparisonReport& report) {
  OrderedJson all = OrderedJson::array();
  for (size_t b = 1; b < report.configurations.size(); ++b)
    for (const OrderedJson& target : targets_of(report, b)) all.push_back(target);
  return all;
}

std::string target_table(const ComparisonReport& report) {
  Table table({"<configuration", "<target of the guides", "value", "<verdict"});
  for (const OrderedJson& t : all_targets(report))
    table.add({t["configuration"].get<std::string>(), t["target"].get<std::string>(),
               t["value"].is_null() ? "-" : format_number(t["value"].get<double>()),
               t["passed"].get<bool>() ? "pass" : "fail"});
  return table.to_string();
}

OrderedJson pairs_json(const std::vector<Pair>& pairs) {
  OrderedJson list = OrderedJson::array();
  for (const Pair& pair : pairs) list.push_back(to_json(pair));
  return list;
}

OrderedJson configurations_json(const ComparisonReport& report) {
  OrderedJson list = OrderedJson::array();
  for (const ComparedConfiguration& c : report.configurations) {
    OrderedJson json = {{"name", c.name}};
    json.update(c.description);
    json["memory_bytes"] = c.memory_bytes ? OrderedJson(c.memory_bytes) : OrderedJson(nullptr);
    for (size_t p = 0; p < c.tokens_per_second.size(); ++p)
      json[std::string(name_of(report.phases[p])) + "_tokens_per_second"] =
          to_json(c.tokens_per_second[p]);
    json["logits"] = to_json(c.closeness);
    list.push_back(json);
  }
  return list;
}

}  // namespace

OrderedJson to_json(const Pair& pair) {
  OrderedJson json = {{"a", pair.a}, {"b", pair.b}, {"phase", name_of(pair.phase)}};
  if (!pair.op.empty()) json["op"] = pair.op;
  json.update(to_json(pair.paired));
  json["verdict"] = pair.verdict();
  return json;
}

OrderedJson report_json(const ComparisonReport& report) {
  return {{"schema_version", kComparisonSchemaVersion},
          {"command", "compare"},
          {"environment", environment_block()},
          {"config", report.config},
          {"rounds", report.rounds},
          {"configurations", configurations_json(report)},
          {"pairs", pairs_json(report.pairs)},
          {"kernels", pairs_json(report.kernels)},
          {"targets", all_targets(report)},
          {"targets_asked", report.with_targets},
          {"interrupted", report.interrupted}};
}

/// What is wrong, and what is not known, of every configuration.
static std::string notes_of(const ComparisonReport& report) {
  std::string text;
  for (size_t i = 1; i < report.configurations.size(); ++i)
    text += closeness_notes(report.configurations[i].name, report.configurations[0].name,
                            report.configurations[i].closeness);
  return text;
}

static std::string legend(const ComparisonReport& report) {
  const std::string& first = report.configurations[0].name;
  std::string text = fmt::format(
      "speed b/a: how many times as fast b is; better: faster.\n"
      "{} rounds; every round times each configuration once, in turns, and {} twice: the noise\n"
      "floor is how far the two differ. not_separated: no difference was shown. Outputs: of random "
      "tokens,\nprefill and decode as they are timed, against {}; `qwench accuracy` compares over "
      "text.\n",
      report.rounds, first, first);
  const auto open = [](const Pair& pair) {
    return pair.paired.verdict == Verdict::kNotSeparated && pair.paired.runs_needed;
  };
  if (std::any_of(report.pairs.begin(), report.pairs.end(), open) ||
      std::any_of(report.kernels.begin(), report.kernels.end(), open))
    text +=
        "takes about N: rounds until so small a difference would be told from none, as noisy as "
        "the "
        "machine is\n";
  return text;
}

std::string report_text(const ComparisonReport& report) {
  std::string text = environment_line() + "\n\n";
  if (report.configurations.empty()) return text + "interrupted before anything was compared\n";
  text += configuration_table(report) + notes_of(report);
  if (report.rounds == 0)
    return text + (report.interrupted ? "interrupted before the first round was over\n"
                                      : "nothing was timed\n");
  text += "\n" + pair_table(report.pairs, false) + "\n";
  if (!report.kernels.empty()) text += pair_table(report.kernels, true) + "\n";
  if (report.with_targets) text += target_table(report) + "\n";
  text += legend(report);
  return report.interrupted ? text + "interrupted: the rounds so far\n" : text;
}

}  // namespace qwench::bench
