// How `report` passes on the verdicts, alarms and trends of other commands, and what it refuses.
#include "tests/faults/report_conclusions.h"

namespace qwench::test {

namespace {

/// Verdicts of other commands, as the report says them.
void add_verdict_rows(FaultTable& table) {
  const auto row = [&](std::string_view conclusion, std::string_view fault,
                       const OrderedJson& result, const Change& change, std::string sound,
                       std::string faulty) {
    table.push_back({conclusion,
                     fault,
                     summary({result}),
                     summary({changed(result, change)}),
                     {0, std::move(sound)},
                     {0, std::move(faulty)}});
  };
  row(
      "report: criteria of suites", "one fails", suites_result(),
      [](OrderedJson& r) { r["suites"][0]["criteria"][0]["outcome"] = "fail"; },
      "Criteria: 1 of 1 passed", "Criteria: 0 of 1 passed");
  row(
      "report: criteria of suites", "a suite ended with an error", suites_result(),
      [](OrderedJson& r) { r["suites"][0]["error"] = "no memory"; }, "Criteria: 1 of 1 passed",
      "the suite: error (ends without an error; no memory)");
  row(
      "report: limits of accuracy", "one is missed", accuracy_result("m", 0.001, true),
      [](OrderedJson& r) { r = accuracy_result("m", 0.5, false); }, "Tolerances: 1 of 1 passed",
      "Tolerances: candidate, kl_mean: fail (value 0.5");
  const OrderedJson passed = accuracy_result("m", 0.001, true);
  table.push_back({"report: accuracy as a whole",
                   "it failed without saying where",
                   failures(passed),
                   failures(changed(passed, [](OrderedJson& r) { r["pass"] = false; })),
                   {0, "nothing failed"},
                   {0, "Results of accuracy as a whole: 0.json: fail"}});
  OrderedJson golden = accuracy_result("m", 0.001, true);
  golden["golden"] = OrderedJson::array();
  golden["golden"].push_back({{"folder", "g"},
                              {"configuration", "candidate"},
                              {"n_tokens", 3},
                              {"logits", {{"relative", 1e-6}}},
                              {"mean_kl", 1e-9},
                              {"passed", true}});
  row(
      "report: golden folders", "one does not agree", golden,
      [](OrderedJson& r) { r["golden"][0]["passed"] = false; },
      "Against other software: 1 of 1 passed", "Against other software: 0 of 1 passed");
  OrderedJson gradients = accuracy_result("m", 0.001, true);
  gradients["gradients"] = {{"finite_differences", {{"error", 1e-4}, {"pass", true}}},
                            {"recompute", {{"equal", true}}},
                            {"rows", OrderedJson::array()},
                            {"golden", OrderedJson::array()}};
  gradients["gradients"]["golden"].push_back(
      {{"file", "f"}, {"tensor", "x"}, {"error", 1e-6}, {"pass", true}});
  const std::string all = "Gradients: 3 of 3 passed", two = "Gradients: 2 of 3 passed";
  row(
      "report: gradients", "backward disagrees with differences", gradients,
      [](OrderedJson& r) { r["gradients"]["finite_differences"]["pass"] = false; }, all, two);
  row(
      "report: gradients", "recomputing gives other bits", gradients,
      [](OrderedJson& r) { r["gradients"]["recompute"]["equal"] = false; }, all, two);
  row(
      "report: gradients", "a golden gradient differs", gradients,
      [](OrderedJson& r) { r["gradients"]["golden"][0]["pass"] = false; }, all, two);
}

void add_alarm_rows(FaultTable& table) {
  const OrderedJson kernels = parse_json_file(report_fixture("kernels.json")),
                    regress = parse_json_file(report_fixture("regress.json")),
                    compare = parse_json_file(report_fixture("compare.json"));
  table.push_back(
      {"report: every kernel is right",
       "one is not",
       failures(kernels),
       failures(changed(kernels, [](OrderedJson& r) { r["rows"][3]["correct"] = false; })),
       {0, "nothing failed"},
       {0, "wrong result"}});
  table.push_back({"report: nothing regressed",
                   "a metric is worse than the baseline",
                   failures(regress),
                   failures(changed(regress,
                                    [](OrderedJson& r) {
                                      r["regressions"].push_back({{"test_category", "decode"},
                                                                  {"metric", "tokens_per_second"},
                                                                  {"baseline_value", 100.0},
                                                                  {"current_value", 50.0},
                                                                  {"change_percent", 50.0},
                                                                  {"threshold_percent", 5.0},
                                                                  {"severity", "critical"},
                                                                  {"ci95_percent", {45.0, 55.0}}});
                                    })),
                   {0, "nothing failed"},
                   {0, "Regressions: "}});
  const auto all_targets = [](bool passed) -> Change {
    return [=](OrderedJson& r) {
      for (OrderedJson& target : r["targets"]) target["passed"] = passed;
    };
  };
  table.push_back({"report: targets of the guides",
                   "they are missed",
                   failures(changed(compare, all_targets(true))),
                   failures(changed(compare, all_targets(false))),
                   {0, "nothing failed"},
                   {0, "Targets of the guides: "}});
  table.push_back({"report: a history has no trend",
                   "answers became slower",
                   summary({monitor_result(40)}),
                   summary({monitor_result(40, 1.5)}),
                   {0, "Response time of qwench-tiny: no trend"},
                   {0, "Response time of qwench-tiny: became slower"}});
  table.push_back({"report: a history has a trend",
                   "there are too few samples",
                   summary({monitor_result(40, 0.5)}),
                   summary({monitor_result(6, 0.5)}),
                   {0, "Response time of qwench-tiny: became faster"},
                   {0, "Response time of qwench-tiny: too few samples"}});
  const auto notes = [](const OrderedJson& result) -> std::function<Conclusion()> {
    return [=] {
      const std::vector<std::string> said = report_of({result}).find("sources")->notes;
      return Conclusion{0, said.empty() ? "complete" : said.front()};
    };
  };
  const OrderedJson whole = bench_result("m", kSlow);
  table.push_back({"report: a result is complete",
                   "it was interrupted",
                   notes(whole),
                   notes(changed(whole, [](OrderedJson& r) { r["interrupted"] = true; })),
                   {0, "complete"},
                   {0, "interrupted, holds what was finished until then"}});
  table.push_back({"report: every file counts",
                   "one is given twice",
                   command({bench_result("m", kSlow), bench_result("n", kFast)}, "report", ""),
                   command({bench_result("m", kSlow), bench_result("m", kSlow)}, "report", ""),
                   {0, "Fastest Mode: n q4_0"},
                   {0, "counted once"}});
}

void add_refusal_rows(FaultTable& table) {
  const Results one = {bench_result("m", kSlow)};
  const std::string markdown = "--markdown /dev/null";
  const auto row = [&](std::string_view conclusion, std::string_view fault,
                       std::function<Conclusion()> sound, std::function<Conclusion()> faulty,
                       int code, std::string said) {
    table.push_back(
        {conclusion, fault, std::move(sound), std::move(faulty), {0, ""}, {code, std::move(said)}});
  };
  const auto spoiled = [&](const Change& change) {
    return command({changed(one[0], change)}, "report", markdown);
  };
  const auto sound = command(one, "report", markdown);
  row("report: a file is a result", "it is of no command", sound,
      spoiled([](OrderedJson& r) { r["command"] = "banana"; }), 1, "expected one of bench");
  row("report: a file is a result", "it is of another schema", sound,
      spoiled([](OrderedJson& r) { r["schema_version"] = 99; }), 1, "schema_version");
  row("report: a file is a result", "a figure contradicts itself", sound,
      spoiled([](OrderedJson& r) { r["rows"][0]["tokens_per_second"]["median"] = 1e9; }), 1,
      "min <= median <= max");
  row("report: a file is a result", "there is none of that name", sound,
      program("report /nonexistent/result.json"), 1, "/nonexistent/result.json");
  row("report: a limit is a number", "it is NaN",
      command(one, "report", markdown + " --limit kl=1"),
      command(one, "report", markdown + " --limit kl=nan"), 2, "kl=nan");
  row("visualize: a file is an image", "its ending is that of none", sound,
      command(one, "visualize", "--output-file /nonexistent/x.gif"), 2, ".png or .svg");
}

}  // namespace

FaultTable report_verdict_faults() {
  FaultTable table;
  for (const auto add : {add_verdict_rows, add_alarm_rows, add_refusal_rows}) add(table);
  return table;
}

}  // namespace qwench::test
