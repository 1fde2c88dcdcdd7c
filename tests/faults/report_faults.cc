// What `report` says of speeds and choices. Results are made here, so that nothing depends on a clock.
#include "tests/faults/report_conclusions.h"

namespace qwench::test {

namespace {

Results fast_and_slow() { return {bench_result("slow", kSlow), bench_result("fast", kFast)}; }

void add_speed_rows(FaultTable& table) {
  OrderedJson elsewhere = bench_result("fast", kFast), other_build = elsewhere;
  elsewhere["environment"]["cpu"]["model"] = "another cpu";
  other_build["environment"]["tool"]["program_hash"] = "another build";
  const Results sound = fast_and_slow();
  const std::string fastest = "Fastest Mode: fast q4_0";
  const auto row = [&](std::string_view fault, const Results& faulty, std::string said) {
    table.push_back({"report: one configuration is the fastest",
                     fault,
                     summary(sound),
                     summary(faulty),
                     {0, fastest},
                     {0, std::move(said)}});
  };
  row("its runs scatter over those of the other", {sound[0], bench_result("fast", kWide)},
      "Fastest Mode: none: ");
  row("it is slower", {bench_result("slow", kFast), bench_result("fast", kSlow)},
      "Fastest Mode: slow q4_0");
  row("it was measured on another machine", {sound[0], elsewhere}, "differ in processor");
  row("it was measured with another build", {sound[0], other_build}, "differ in build");
  row("too few runs for an interval", {sound[0], bench_result("fast", {199, 200, 201})},
      "Fastest Mode: none: ");
  table.push_back({"report: the faster of two that took turns",
                   "turns did not separate them",
                   summary({compare_result("better", 1.3)}),
                   summary({compare_result("not_separated", 1.3)}),
                   {0, "Fastest Mode: b"},
                   {0, "Fastest Mode: none: "}});
  table.push_back({"report: throughput verdict",
                   "the intervals meet",
                   cell(sound, "throughput", 2, 5),
                   cell({sound[0], bench_result("fast", kWide)}, "throughput", 2, 5),
                   {0, "fastest"},
                   {0, "not_separated"}});
  table.push_back({"report: the second result is faster",
                   "it is slower",
                   cell({bench_result("m", kSlow), bench_result("m", kFast)}, "speedup", 2, 9),
                   cell({bench_result("m", kFast), bench_result("m", kSlow)}, "speedup", 2, 9),
                   {0, "better"},
                   {0, "worse"}});
  table.push_back({"report: the second result is faster",
                   "its runs scatter over those of the first",
                   cell({bench_result("m", kSlow), bench_result("m", kFast)}, "speedup", 2, 9),
                   cell({bench_result("m", kSlow), bench_result("m", kWide)}, "speedup", 2, 9),
                   {0, "better"},
                   {0, "not_separated"}});
  const auto alarms = [](const OrderedJson& result) -> std::function<Conclusion()> {
    return [=] {
      const bench::report::Report report = report_of({result});
      return Conclusion{0, report.find("variance") ? all_of(report.conclusions) : "all stable"};
    };
  };
  table.push_back({"report: every measurement is stable",
                   "one scatters by more than a tenth",
                   alarms(bench_result("m", kSlow)),
                   alarms(bench_result("m", kWide)),
                   {0, "all stable"},
                   {0, "1 of 3 measurements are unstable"}});
}

/// Runs that ended early or were made while the machine was another.
void add_run_rows(FaultTable& table) {
  // A run of one configuration with 2 threads, and of one with 1 that is faster than kSlow.
  const auto of_both = [](const std::vector<double>& with_two) {
    OrderedJson result = bench_result("m", with_two), rows = bench_result("m", kFast)["rows"];
    for (OrderedJson& row : rows) {
      row["threads"] = 1;
      result["rows"].push_back(row);
    }
    return result;
  };
  const OrderedJson alone = bench_result("m", kSlow);
  table.push_back({"report: the fastest of separate runs",
                   "one configuration differs more from itself",
                   summary({of_both(kSlow), alone}),
                   summary({of_both({298, 299, 300, 301, 302}), alone}),
                   {0, "Fastest Mode: m q4_0 (1 thread)"},
                   {0, "up to 200 % apart from itself: the machine changed"}});
  const auto early = [](const OrderedJson& result) {
    return changed(result, [](OrderedJson& r) { r["interrupted"] = true; });
  };
  const OrderedJson slow = bench_result("slow", kSlow), fast = bench_result("fast", kFast),
                    middle = bench_result("middle", {148, 149, 150, 151, 152});
  table.push_back({"report: the fastest of whole runs",
                   "its run was interrupted",
                   summary({slow, middle, fast}),
                   summary({slow, middle, early(fast)}),
                   {0, "Fastest Mode: fast q4_0"},
                   {0, "Fastest Mode: middle q4_0"}});
  table.push_back({"report: throughput verdict",
                   "its run was interrupted",
                   cell({slow, fast}, "throughput", 2, 5),
                   cell({slow, early(fast)}, "throughput", 2, 5),
                   {0, "fastest"},
                   {0, "interrupted"}});
  table.push_back({"report: on the front",
                   "its run was interrupted",
                   cell({slow, fast}, "choices", 1, 8),
                   cell({slow, early(fast)}, "choices", 1, 8),
                   {0, "yes"},
                   {0, "interrupted"}});
  const OrderedJson judged = changed(accuracy_result("m", 0.001, true), [](OrderedJson& r) {
    r["candidates"][0]["tokens"] = 63, r["text"]["windows_run"] = 1;
  });
  table.push_back({"report: quality over a whole text",
                   "the run was interrupted after one window",
                   cell({accuracy_result("m", 0.001, true)}, "quality", 1, 8),
                   cell({early(judged)}, "quality", 1, 8),
                   {0, "256 tokens, 4 of 4 windows of 64"},
                   {0, "1 of 4 windows (interrupted), 63 of 256 tokens of heldout.txt"}});
}

/// What makes the quality of a result not that of the timed configuration.
void add_join_rows(FaultTable& table) {
  const OrderedJson timed = bench_result("m", kSlow), other = bench_result("n", kFast),
                    judged = accuracy_result("m", 0.25, true);
  const auto row = [&](std::string_view fault, const Change& change) {
    table.push_back(
        {"report: the accuracy of what is recommended within kl=0.3",
         fault,
         summary({timed, other, judged}, {"kl=0.3"}),
         summary({timed, other, changed(judged, change)}, {"kl=0.3"}),
         {0, "Recommended: candidate (m q4_0): decode 100 tokens/s, the only one of 2 timed"},
         {0, "No recommendation: no configuration is known to be within kl=0.3"}});
  };
  const auto of_candidate = [](const char* key, OrderedJson value) -> Change {
    return [=](OrderedJson& r) { r["candidates"][0][key] = value; };
  };
  row("it is of a damaged candidate", of_candidate("injection", damage()));
  row("it is of other weights of that name", of_candidate("checkpoint_hash", "0"));
  row("it is of another weight type", of_candidate("dtype", "q8_0"));
  row("it is of other keys and values", of_candidate("kv_dtype", "f16"));
  row("it is of other kernels", of_candidate("kernel_policy", "linear=reference"));
  row("it is of a plug-in", of_candidate("plugin_hashes", {"0"}));
  row("it is of another backend", of_candidate("backend", "cuda"));
  row("it is of other instruction sets",
      [](OrderedJson& r) { r["environment"]["cpu"]["isa"] = "avx512"; });
  row("it is of another build",
      [](OrderedJson& r) { r["environment"]["tool"]["program_hash"] = "0"; });
  row("its file does not say which weights",
      [](OrderedJson& r) { r["candidates"][0].erase("checkpoint_hash"); });
  row("it is above the limit", [](OrderedJson& r) { r["candidates"][0]["kld"]["mean"] = 0.4; });
}

void add_choice_rows(FaultTable& table) {
  const Results sound = {bench_result("small", kFast), bench_result("large", kSlow),
                         accuracy_result("small", 0.001, true),
                         accuracy_result("large", 0.0001, true)};
  const auto with_failure = [&] {
    Results results = sound;
    results[2] = accuracy_result("small", 0.5, false);
    return results;
  };
  table.push_back({"report: what is recommended",
                   "it failed its limits",
                   summary(sound),
                   summary(with_failure()),
                   {0, "Recommended: candidate (small q4_0): fastest"},
                   {0, "Recommended: candidate (large q4_0): "}});
  Results twice = with_failure();
  twice.push_back(accuracy_result("small", 0.002, true));
  table.push_back({"report: what is recommended",
                   "it failed before it passed",
                   summary(sound),
                   summary(twice),
                   {0, "Recommended: candidate (small q4_0): fastest"},
                   {0, "Recommended: candidate (large q4_0): "}});
  table.push_back({"report: on the front",
                   "it failed its limits",
                   cell(sound, "choices", 0, 8),
                   cell(with_failure(), "choices", 0, 8),
                   {0, "yes"},
                   {0, "failed"}});
  Results worse = sound;
  worse[0] = bench_result("small", kSlow), worse[1] = bench_result("large", kFast);
  table.push_back({"report: on the front",
                   "another is faster and closer",
                   cell({sound[0], sound[1]}, "choices", 0, 8),
                   cell({worse[0], worse[1]}, "choices", 0, 8),
                   {0, "yes"},
                   {0, "no"}});
  table.push_back({"report: within limits",
                   "it takes more memory",
                   cell({sound[0]}, "choices", 0, 9, {"memory=4GB"}),
                   cell({sound[0]}, "choices", 0, 9, {"memory=1GB"}),
                   {0, "pass"},
                   {0, "fail"}});
  table.push_back({"report: within limits",
                   "the limited figure was not measured",
                   cell({sound[0], sound[2]}, "choices", 0, 9, {"kl=0.1"}),
                   cell({sound[0]}, "choices", 0, 9, {"kl=0.1"}),
                   {0, "pass"},
                   {0, "unknown"}});
  OrderedJson batches = bench_result("m", kSlow);
  OrderedJson larger = batches["rows"][1];
  larger["batch"] = 4, larger["tokens_per_second"] = bench::to_json(bench::summarize(kFast));
  batches["rows"].push_back(larger);
  const OrderedJson slower_batch = changed(batches, [](OrderedJson& r) {
    r["rows"][2]["tokens_per_second"] = bench::to_json(bench::summarize({50, 51, 52}));
  });
  const auto optimum = [](const OrderedJson& result) -> std::function<Conclusion()> {
    return [=] { return Conclusion{0, report_of({result}).find("batch")->notes.at(0)}; };
  };
  table.push_back({"report: the optimal batch size",
                   "the larger batch is slower",
                   optimum(batches),
                   optimum(slower_batch),
                   {0, "optimal batch size 4"},
                   {0, "optimal batch size 1"}});
}

}  // namespace

FaultTable report_faults() {
  FaultTable table;
  for (const auto add : {add_speed_rows, add_run_rows, add_join_rows, add_choice_rows}) add(table);
  return table;
}

}  // namespace qwench::test
