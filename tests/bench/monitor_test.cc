// A monitor on a fake clock: intervals, errors, the last day; and a history that survives a crash.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include "bench/monitoring/history.h"
#include "bench/monitoring/monitor_loop.h"
#include "bench/monitoring/summary.h"
#include "bench/support/utc.h"
#include "engine/base/check.h"
#include "tests/bench/program.h"

using namespace qwench;
using namespace qwench::bench;
using namespace qwench::test;

namespace {

constexpr int64_t kS = 1'000'000'000, kMinute = 60 * kS, kHour = 60 * kMinute;
const std::string kTiny = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";

int64_t at(const char* text) { return parse_utc(text).value(); }

struct FakeClock : Clock {
  int64_t steady = 5 * kS, unix = at("2026-03-29T00:30:00Z");
  std::vector<int64_t> waits;
  size_t stop_at_wait = SIZE_MAX;

  void pass(int64_t ns) { steady += ns, unix += ns; }
  int64_t steady_ns() override { return steady; }
  int64_t unix_ns() override { return unix; }
  bool wait(int64_t ns) override {
    waits.push_back(ns);
    pass(ns);
    return waits.size() <= stop_at_wait;
  }
};

HistoryEntry entry_at(int64_t unix_ns, int64_t response_ns, const std::string& model = "m") {
  MonitorSample sample;
  sample.response_ns = response_ns, sample.tokens = 10;
  return {unix_ns, model, sample, ""};
}

struct Watch {
  FakeClock clock;
  MonitorSettings settings{"m", "c", 30 * kMinute, kMinute, 3};
  std::vector<HistoryEntry> kept;
  std::vector<std::string> said;
  int64_t takes = 4 * kS;
  std::function<void(size_t)> trouble = [](size_t) {};

  MonitorCounts go() {
    MonitorHooks hooks;
    hooks.benchmark = [&, n = size_t(0)]() mutable -> std::optional<MonitorSample> {
      clock.pass(takes);
      trouble(n++);
      return entry_at(0, takes).sample;
    };
    hooks.keep = [&](const HistoryEntry& entry) { kept.push_back(entry); };
    hooks.say = [&](const std::string& line) { said.push_back(line); };
    return run_monitor(settings, clock, hooks);
  }
};

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an interval is from one beginning to the next, whatever the benchmark takes") {
  Watch watch;
  const MonitorCounts counts = watch.go();
  CHECK(counts.samples == 3);
  CHECK(!counts.stopped);
  CHECK(watch.clock.waits == std::vector<int64_t>(2, 30 * kMinute - 4 * kS));
  CHECK(watch.kept[1].unix_ns - watch.kept[0].unix_ns == 30 * kMinute);
  Watch slow;
  slow.takes = 40 * kMinute;
  slow.go();
  CHECK(slow.clock.waits == std::vector<int64_t>(2, 0));
}

TEST_CASE("after an error: a note in the history, a minute, and on") {
  Watch watch;
  watch.settings.count = 4;
  watch.trouble = [](size_t n) {
    if (n == 1) fail("no such luck");
  };
  const MonitorCounts counts = watch.go();
  CHECK(counts.samples == 3);
  CHECK(counts.errors == 1);
  REQUIRE(watch.kept.size() == 4);
  CHECK(watch.kept[1].error == "no such luck");
  CHECK(to_json(watch.kept[1])["error"] == "no such luck");
  CHECK(watch.clock.waits[1] == kMinute);
  CHECK(watch.clock.waits[2] == 30 * kMinute - 4 * kS);
}

TEST_CASE("a history that cannot be written is said, and tried again a minute later") {
  Watch watch;
  MonitorHooks hooks{[&] { return entry_at(0, kS).sample; },
                     [](const HistoryEntry&) { fail("disk full"); },
                     [&](const std::string& line) { watch.said.push_back(line); }};
  const MonitorCounts counts = run_monitor(watch.settings, watch.clock, hooks);
  CHECK(counts.errors == 3);
  CHECK(says(watch.said[1], "disk full"));
  CHECK(watch.clock.waits == std::vector<int64_t>(2, kMinute));
}

TEST_CASE("asked to stop, it stops during a wait and during a benchmark") {
  Watch watch;
  watch.settings.count = 0;
  watch.clock.stop_at_wait = 2;
  const MonitorCounts counts = watch.go();
  CHECK(counts.stopped);
  CHECK(counts.samples == 3);
  const MonitorHooks hooks{[] { return std::nullopt; }, [](const HistoryEntry&) { FAIL("kept"); },
                           [](const std::string&) {}};
  CHECK(run_monitor(watch.settings, watch.clock, hooks).stopped);
}

TEST_CASE("times are UTC: the night when summer time begins has every half hour once") {
  const char* const before = std::getenv("TZ");
  const std::string zone = before ? before : "";
  setenv("TZ", "Europe/Berlin", 1), tzset();
  Watch watch;
  watch.settings.count = 6;
  watch.go();
  std::vector<std::string> times;
  for (const HistoryEntry& e : watch.kept) times.push_back(to_json(e)["timestamp"]);
  CHECK(times == std::vector<std::string>{"2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z",
                                          "2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z",
                                          "2026-03-29T02:30:00Z", "2026-03-29T03:00:00Z"});
  for (const std::string& time : times) CHECK(utc_text(at(time.c_str())) == time);
  before ? setenv("TZ", zone.c_str(), 1) : unsetenv("TZ"), tzset();
}

TEST_CASE("a moment is UTC or nothing") {
  CHECK(at("1970-01-01T00:00:01Z") == kS);
  CHECK(at("2026-01-31T12:00:00.5+00:00") == at("2026-01-31T12:00:00Z") + kS / 2);
  for (const char* wrong :
       {"", "2026-01-31", "2026-01-31T12:00:00", "2026-02-29T12:00:00Z", "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:00+01:00", " 2026-01-31T12:00:00Z", "2026-1-31T12:00:00Z",
        "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00Zx", "9999-01-31T12:00:00Z"})
    CHECK_MESSAGE(!parse_utc(wrong), wrong);
}

TEST_CASE("what is appended is there when the file is opened again") {
  const ScratchFolder folder;
  HistoryEntry entry = entry_at(at("2026-01-31T12:00:00Z"), 1'500'000'000);
  entry.sample->memory_usage_percent = 37.5, entry.sample->memory_available_bytes = 8'000'000'000;
  {
    History history(folder.file("h.jsonl"));
    history.append(entry);
    history.append({entry.unix_ns + kMinute, "m", std::nullopt, "broken"});
    CHECK_THROWS_AS(History(folder.file("h.jsonl")), Error);  // one writer
  }
  const History again(folder.file("h.jsonl"));
  CHECK(again.notes().empty());
  REQUIRE(again.entries().size() == 2);
  CHECK(to_json(again.entries()[0]) == to_json(entry));
  CHECK(again.entries()[1].error == "broken");
  const OrderedJson json = to_json(entry);
  CHECK(json["tokens_per_second"].get<double>() == doctest::Approx(10 / 1.5));
  CHECK(json["memory_available_gb"] == 8.0);
  CHECK(json["response_time_seconds"] == 1.5);
  CHECK(!json.contains("energy"));
}

TEST_CASE(
    "a last line that was cut off is set aside, and the next one begins on a line of its own") {
  const ScratchFolder folder;
  const std::string good = to_json(entry_at(at("2026-01-31T12:00:00Z"), kS)).dump() + "\n";
  const std::string path = folder.write("h.jsonl", good + R"({"timestamp":"2026-01-)");
  {
    History history(path);
    REQUIRE(history.entries().size() == 1);
    REQUIRE(history.notes().size() == 1);
    CHECK(says(history.notes()[0], "cut off"));
    history.append(entry_at(at("2026-01-31T12:30:00Z"), kS));
  }
  CHECK(read_file(path + ".torn", 1000) == "{\"timestamp\":\"2026-01-\n");
  const History again(path);
  CHECK(again.entries().size() == 2);
  CHECK(again.notes().empty());
}

TEST_CASE("lines that are no entries are passed over and said, never fatal") {
  const ScratchFolder folder;
  const std::string good = to_json(entry_at(at("2026-01-31T12:00:00Z"), kS)).dump() + "\n";
  const std::string wrong[] = {
      "rubbish", "[1]", R"({"timestamp":"yesterday","error":"x"})",
      R"({"timestamp":"2026-01-31T12:00:00Z"})",
      R"({"timestamp":"2026-01-31T12:00:00Z","response_time_ns":0,"tokens_generated":1})"};
  for (const std::string& line : wrong) {
    INFO(line);
    const History history(folder.write("h.jsonl", line + "\n\n" + good));
    CHECK(history.entries().size() == 1);
    REQUIRE(history.notes().size() == 1);
    CHECK(says(history.notes()[0], "h.jsonl:1"));
  }
  CHECK_THROWS_AS(History(folder.path()), Error);
  CHECK_THROWS_AS(History(folder.file("no/such/folder")), Error);
}

TEST_CASE("the summary is of this model's last 24 hours") {
  const int64_t now = at("2026-02-02T00:00:00Z");
  const std::vector<HistoryEntry> entries = {entry_at(now - 25 * kHour, kS),
                                             entry_at(now - 24 * kHour - 1, kS),
                                             entry_at(now - 24 * kHour, 2 * kS),
                                             entry_at(now - kHour, 9 * kS, "other"),
                                             entry_at(now, 4 * kS),
                                             {now, "m", std::nullopt, "failed"}};
  const MonitorSummary summary = select_window(entries, "m", "", now);
  const OrderedJson json = to_json(summary);
  CHECK(json["samples"] == 2);
  CHECK(json["errors"] == 1);
  CHECK(json["older_entries"] == 2);
  CHECK(json["other_models"] == 1);
  CHECK(json["response_time_ns"]["median"] == double(3 * kS));
  CHECK(json["memory_usage_percent"].is_null());
  CHECK(json["trend"]["verdict"] == "too few samples");
  CHECK(json["trend"]["ci95"].is_null());
  CHECK(samples_json(summary).size() == 3);
  const OrderedJson nothing = to_json(select_window({}, "m", "", now));
  CHECK(nothing["trend"].is_null());
  CHECK(nothing["response_time_ns"].is_null());
}

TEST_CASE("a machine that slows down is found, one that only scatters is not") {
  const auto times = [](double per_hour, double scatter) {
    std::vector<TimedValue> values;
    for (int i = 0; i < 48; ++i)
      values.push_back(
          {i * kHour / 2, 1e9 * (1 + per_hour * i / 2) * (1 + scatter * std::sin(7.0 * i))});
    return values;
  };
  const Trend slower = find_trend(times(0.01, 0.02));
  CHECK(slower.verdict == "slower");
  CHECK(slower.ratio == doctest::Approx(1.12).epsilon(0.02));
  CHECK(*slower.drift == doctest::Approx(0.01 / 1.12).epsilon(0.1));
  CHECK(find_trend(times(-0.01, 0.02)).verdict == "faster");
  CHECK(find_trend(times(0, 0.1)).verdict == "no trend");
  CHECK(find_trend(times(0.0002, 0)).verdict == "no trend");  // certain, and too small to matter
  CHECK(find_trend({{0, 5}}).verdict == "too few samples");
  CHECK(!find_trend({{0, 5}, {kHour - 1, 7}}).drift);  // nothing is extrapolated
  CHECK(find_trend({{0, 5}, {kHour, 7}}).drift);
}

TEST_CASE("monitor writes one line a benchmark and prints one document") {
  if (!available()) return;
  const ScratchFolder folder;
  const std::string path = folder.file("h.jsonl");
  const std::string command =
      "monitor -m " + kTiny + " -t 1 -n 4 --interval 10ms --history " + path;
  const Outcome o = run(command + " --count 3 --json --output " + folder.file("result.json"));
  REQUIRE_MESSAGE(o.code == 0, o.err);
  const Json json = parse_json(o.out, "stdout");
  CHECK(parse_json_file(folder.file("result.json")) == json);
  CHECK(json["command"] == "monitor");
  CHECK(json["config"]["interval_ns"] == 10'000'000);
  CHECK(json["samples"].size() == 3);
  CHECK(json["samples"][0]["tokens_generated"] == 4);
  CHECK(json["summary"]["errors"] == 0);
  const Outcome more = run(command + " --count 1");
  CHECK(says(more.out, "4 benchmarks, 0 errors"));
  CHECK(History(path).entries().size() == 4);
  check_usage_error("monitor -m " + kTiny, "--history");
  check_usage_error(command + " --interval 30", "--interval");
  check_usage_error(command + " --interval 0s", "expected a time");
  check_usage_error(command + " --interval 5parsecs", "--interval");
  check_usage_error(command + " --prompt hello", "tokenizer");
}

TEST_CASE("a history holds entries only, whichever stream is closed") {
  if (!available()) return;
  for (const char* closed : {"<&-", ">&-", "2>&-"}) {
    INFO(std::string(closed));
    const ScratchFolder folder;
    const std::string path = folder.file("h.jsonl");
    const std::string command = std::string(kProgram) + " monitor -m " + kTiny +
                                " -t 1 -n 2 --count 2 --interval 10ms --history " + path;
    REQUIRE(std::system((command + " >/dev/null 2>/dev/null " + closed).c_str()) == 0);
    CHECK(History(path).entries().size() == 2);
    CHECK(History(path).notes().empty());
  }
}

namespace {

/// Starts a monitor, sends it a signal when its history has a line, and returns its exit code.
int signalled(int signal, const std::string& history, const std::string& out) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(creat(out.c_str(), 0600), STDOUT_FILENO);
    dup2(creat("/dev/null", 0600), STDERR_FILENO);
    execl(kProgram, kProgram, "monitor", "-m", kTiny.c_str(), "-t", "1", "-n", "2", "--interval",
          "1h", "--history", history.c_str(), static_cast<char*>(nullptr));
    _exit(99);
  }
  const auto empty = [&] {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(history, error);
    return error || bytes == 0;
  };
  for (int i = 0; i < 3000 && empty(); ++i) usleep(10'000);
  usleep(50'000);  // it is waiting now
  kill(child, signal);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE(
    "Ctrl-C and SIGTERM end a wait of an hour at once, with the history and the summary kept") {
  if (!available()) return;
  for (const int signal : {SIGINT, SIGTERM}) {
    INFO(signal);
    const ScratchFolder folder;
    const std::string path = folder.file("h.jsonl"), out = folder.file("out");
    CHECK(signalled(signal, path, out) == 130);
    CHECK(History(path).entries().size() == 1);
    CHECK(says(read_file(out, 10000), "1 benchmark, 0 errors"));
  }
}
