// What `bench`, `monitor` and `score` say of their own figures.
#include "bench/monitoring/monitor_loop.h"
#include "bench/monitoring/summary.h"
#include "bench/sweep/report.h"
#include "tests/faults/planted_fault.h"

namespace qwench::test {

namespace {

using namespace qwench::bench;

const std::string kModel = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";
constexpr int64_t kHour = 3'600'000'000'000;

ScratchFolder& folder() {
  static ScratchFolder scratch;
  return scratch;
}

/// The page of a sweep of one case.
std::function<Conclusion()> page_of(const std::function<void(BenchRow&)>& damage) {
  return [=] {
    BenchRow row;
    row.threads = 1;
    CaseResult& r = row.result;
    r.phase = Phase::kDecode, r.batch = 1, r.n_tokens = 8;
    r.tokens_per_second = summarize({100, 101, 99}), r.ttft_ns = summarize({1});
    r.warm_up.runs = 3, r.warm_up.converged = true;
    r.wall_ns = r.ops_wall_ns = 80'000'000;
    r.telemetry.resize(3);
    for (RunTelemetry& run : r.telemetry) run.wall_ns = r.wall_ns;
    damage(row);
    BenchReport report;
    report.config = OrderedJson::object();
    report.rows.push_back(row);
    report.interrupted = row.threads == 0;
    const std::string text = report_text(report);
    for (const char* doubt : {"unstable", "not converged", "contaminated", "interrupted"})
      if (text.find(std::string(doubt) + ":") != std::string::npos) return Conclusion{0, doubt};
    return Conclusion{0, "no doubt"};
  };
}

FaultTable doubts() {
  const auto fault = [](std::string_view what, std::string_view planted,
                        const std::function<void(BenchRow&)>& damage, std::string becomes) {
    return PlantedFault{what,
                        planted,
                        page_of([](BenchRow&) {}),
                        page_of(damage),
                        {0, "no doubt"},
                        {0, std::move(becomes)}};
  };
  return {
      fault(
          "bench: the runs agree", "one took half as long",
          [](BenchRow& row) {
            row.result.tokens_per_second = summarize({100, 101, 200});
          },
          "unstable"),
      fault(
          "bench: it was warm", "the last warm-ups differ",
          [](BenchRow& row) { row.result.warm_up.converged = false; }, "not converged"),
      fault(
          "bench: nothing else ran", "a thousand switches of threads",
          [](BenchRow& row) { row.result.telemetry[1].involuntary_switches = 1000; },
          "contaminated"),
      fault(
          "bench: all cases", "Ctrl-C", [](BenchRow& row) { row.threads = 0; }, "interrupted"),
  };
}

FaultTable sweeps() {
  const std::string sweep = "bench -m " + kModel + " -t 1 -p 8 -n 4 --runs 3 ";
  const std::string samples = folder().file("samples.jsonl"), kept = "--samples " + samples;
  prepare(sweep + kept);
  return {
      {"bench --plan: it fits",
       "room for 16 million tokens of each of 4096 sequences",
       program(sweep + "--plan"),
       program(sweep + "--plan --ctx 16777216 -b 4096"),
       {0, "yes"},
       {1, "not every case fits"}},
      {"bench --config: a result",
       "there is none",
       program(sweep + "--output " + folder().file("result.json")),
       program("bench --config /nonexistent.json"),
       {0, ""},
       {1, "/nonexistent.json"}},
      {"bench --resume: measured before",
       "with other kernels",
       program(sweep + kept + " --resume"),
       program(sweep + kept + " --resume --kernel reference"),
       {0, "measured before"},
       {0, "measured with something else"}},
      {"bench: the kernel that is asked for",
       "there is none of that name",
       program(sweep),
       program(sweep + "--kernel linear=nothing"),
       {0, "tokens/s"},
       {2, "nothing"}},
  };
}

/// A day of answers that take `ns(i)`.
std::function<Conclusion()> trend_of(const std::function<double(int)>& ns) {
  return [=] {
    std::vector<TimedValue> times;
    for (int i = 0; i < 40; ++i) times.push_back({i * kHour / 2, ns(i)});
    return Conclusion{0, find_trend(times).verdict};
  };
}

HistoryEntry entry(int64_t hour, const std::string& configuration) {
  MonitorSample sample;
  sample.response_ns = 1'000'000, sample.tokens = 4;
  return {hour * kHour, "m", sample, "", configuration};
}

FaultTable monitors() {
  const auto steady = [](int i) { return 1e9 * (1 + 0.01 * (i % 3)); };
  const std::string history = folder().file("history.jsonl");
  const std::string watch =
      "monitor -m " + kModel + " -t 1 -n 4 --interval 1ms --count 1 --history ";
  const auto window = [](const std::string& configuration) {
    return [=] {
      const MonitorSummary s =
          select_window({entry(1, configuration)}, "m", "2 threads", 2 * kHour);
      return Conclusion{0, to_string(s)};
    };
  };
  return {
      {"monitor: no trend",
       "slower by a percent an hour",
       trend_of(steady),
       trend_of([=](int i) { return steady(i) * (1 + 0.01 * i); }),
       {0, "no trend"},
       {0, "slower"}},
      {"monitor: no trend",
       "faster by a percent an hour",
       trend_of(steady),
       trend_of([=](int i) { return steady(i) * (1 - 0.01 * i); }),
       {0, "no trend"},
       {0, "faster"}},
      {"monitor: times of this configuration",
       "of another thread count",
       window("2 threads"),
       window("1 thread"),
       {0, "1 benchmark, 0 errors"},
       {0, "other configurations left out"}},
      {"monitor: a history",
       "the file is a folder",
       program(watch + history),
       program(watch + folder().path()),
       {0, "1 benchmark"},
       {1, "--history"}},
  };
}

FaultTable scores() {
  const auto lines = [](const std::string& name, const std::string& text) {
    return "score " + folder().write(name, text) + " ";
  };
  const std::string good =
      lines("good.jsonl",
            R"({"prediction": "the cat sat on the mat", "reference": "the cat sat on the mat"})");
  return {
      {"score: the same text",
       "every word is another",
       program(good),
       program(lines(
           "bad.jsonl",
           R"({"prediction": "a dog ran in some rain", "reference": "the cat sat on the mat"})")),
       {0, "1.0000"},
       {0, "0.0000"}},
      {"score: a file of predictions",
       "there is none",
       program(good),
       program("score /nonexistent.jsonl"),
       {0, "1.0000"},
       {1, "/nonexistent.jsonl"}},
      {"score: every line has a reference",
       "one has none",
       program(good),
       program(lines("half.jsonl", R"({"prediction": "x"})")),
       {0, "1.0000"},
       {1, "half.jsonl:1"}},
      {"score --metric: a number a line",
       "it is NaN",
       program(good + "--metric 'm=echo 1'"),
       program(good + "--metric 'm=echo nan'"),
       {0, "1.0000"},
       {1, "m"}},
      {"score --metric: a command that works",
       "it fails",
       program(good + "--metric 'm=echo 1'"),
       program(good + "--metric 'm=exit 3'"),
       {0, "1.0000"},
       {1, "m"}},
  };
}

}  // namespace

FaultTable bench_faults() {
  FaultTable all;
  for (const auto& part : {doubts, sweeps, monitors, scores})
    for (PlantedFault& fault : part()) all.push_back(std::move(fault));
  return all;
}

}  // namespace qwench::test
