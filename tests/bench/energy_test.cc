// Energy on fake machines: no figure is made up, none is counted twice, every missing one has its reason.
#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "bench/machine/energy/battery.h"
#include "bench/machine/energy/energy_meter.h"
#include "bench/machine/energy/find_sources.h"
#include "bench/machine/energy/meter_file.h"
#include "bench/machine/energy/rapl.h"
#include "bench/support/output.h"
#include "bench/support/utc.h"
#include "bench/sweep/report.h"
#include "engine/base/check.h"
#include "tests/bench/program.h"

using namespace qwench;
using namespace qwench::bench;
using namespace qwench::test;

namespace {

constexpr int64_t kMs = 1'000'000, kS = 1'000'000'000;
const std::string kTiny = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";

/// A tree of files that may refuse to be read.
struct FakeSysfs : Sysfs {
  explicit FakeSysfs(const std::string& root) : Sysfs(root) {}
  std::string refused;  // a part of the path
  int read(const std::string& path, std::string& to) const override {
    if (!refused.empty() && path.find(refused) != std::string::npos) return EACCES;
    return Sysfs::read(path, to);
  }
};

struct FakeMachine {
  ScratchFolder folder;
  std::shared_ptr<FakeSysfs> sysfs = std::make_shared<FakeSysfs>(folder.path());

  void set(const std::string& path, const std::string& text) { folder.write(path, text + "\n"); }
  void remove(const std::string& path) { std::filesystem::remove(folder.file(path)); }
  void domain(const std::string& entry, const std::string& name, int64_t uj) {
    const std::string at = "class/powercap/" + entry;
    set(at + "/name", name);
    set(at + "/max_energy_range_uj", "1000000");
    set(at + "/energy_uj", std::to_string(uj));
  }
  void count(const std::string& entry, int64_t uj) {
    set("class/powercap/" + entry + "/energy_uj", std::to_string(uj));
  }
  void battery(const std::string& name, const std::string& status) {
    set("class/power_supply/" + name + "/type", "Battery");
    set("class/power_supply/" + name + "/status", status);
  }
};

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A counter or gauge that follows the clock: exactly so many watts.
struct SteadySource : EnergySource {
  bool counts = true;
  double watts = 10;
  int64_t shortest_ns = kMs, started_ns = now_ns();
  int reads = 0, fails_after = std::numeric_limits<int>::max();

  std::string name() const override { return "fake"; }
  Provenance provenance() const override { return Provenance::kRapl; }
  std::string method() const override { return "exact"; }
  bool counter() const override { return counts; }
  int64_t update_ns() const override { return kMs; }
  int64_t shortest_window_ns() const override { return shortest_ns; }
  EnergyReading read() override {
    if (++reads > fails_after) return {0, "gone"};
    return {counts ? watts * double(now_ns() - started_ns) * 1e-9 : watts, ""};
  }
};

EnergyMeter meter_of(std::unique_ptr<EnergySource> source) {
  return EnergyMeter({"fake", Provenance::kRapl, std::move(source), ""}, {20 * kMs, 60 * kMs});
}

void sleep_ms(int n) { std::this_thread::sleep_for(std::chrono::milliseconds(n)); }

}  // namespace

TEST_CASE("a RAPL counter that wraps goes on counting") {
  FakeMachine machine;
  machine.domain("intel-rapl:0", "package-0", 900'000);
  const FoundSource found = find_rapl(machine.sysfs);
  REQUIRE(found.source);
  CHECK(found.source->read().value == doctest::Approx(0));
  machine.count("intel-rapl:0", 100'000);
  CHECK(found.source->read().value == doctest::Approx(0.2));
  machine.count("intel-rapl:0", 400'000);
  CHECK(found.source->read().value == doctest::Approx(0.5));
}

TEST_CASE(
    "RAPL sums packages and their dram; core, psys and the same package by mmio are not added") {
  FakeMachine machine;
  machine.domain("intel-rapl:0", "package-0", 0);
  machine.domain("intel-rapl:0:0", "core", 0);
  machine.domain("intel-rapl:0:1", "dram", 0);
  machine.domain("intel-rapl:1", "package-1", 0);
  machine.domain("intel-rapl:2", "psys", 0);
  machine.domain("intel-rapl-mmio:0", "package-0", 0);
  const FoundSource found = find_rapl(machine.sysfs);
  REQUIRE(found.source);
  int64_t value = 1;
  for (const char* entry : {"intel-rapl:0", "intel-rapl:0:1", "intel-rapl:1", "intel-rapl:0:0",
                            "intel-rapl:2", "intel-rapl-mmio:0"})
    machine.count(entry, value), value *= 10;
  CHECK(found.source->read().value == doctest::Approx(111e-6));
  CHECK(found.source->name() == "RAPL package-0 + dram of intel-rapl:0:1 + package-1");
  CHECK(says(found.source->method(), "psys"));
}

TEST_CASE("a machine that only counts the whole platform is measured by that") {
  FakeMachine machine;
  machine.domain("intel-rapl:0", "psys", 0);
  CHECK(find_rapl(machine.sysfs).source->name() == "RAPL psys");
}

TEST_CASE("a RAPL counter of root's is said with the fix, also when it is one of several") {
  FakeMachine machine;
  machine.domain("intel-rapl:0", "package-0", 0);
  machine.domain("intel-rapl:1", "package-1", 0);
  machine.sysfs->refused = "intel-rapl:1/energy_uj";
  const FoundSource found = find_rapl(machine.sysfs);
  CHECK(!found.source);
  CHECK(says(found.reason, "ermission denied"));
  CHECK(says(found.reason, "chmod a+r"));
}

TEST_CASE("a RAPL file that vanishes, holds rubbish or exceeds its range ends the readings") {
  FakeMachine machine;
  machine.domain("intel-rapl:0", "package-0", 5);
  const FoundSource found = find_rapl(machine.sysfs);
  REQUIRE(found.source);
  machine.set("class/powercap/intel-rapl:0/energy_uj", "12x");
  CHECK(says(found.source->read().problem, "expected an integer"));
  machine.set("class/powercap/intel-rapl:0/energy_uj", "1000001");
  CHECK(says(found.source->read().problem, "expected 0 to 1000000"));
  machine.remove("class/powercap/intel-rapl:0/energy_uj");
  CHECK(says(found.source->read().problem, "energy_uj: No such file"));
  machine.set("class/powercap/intel-rapl:0/max_energy_range_uj", "0");
  machine.count("intel-rapl:0", 5);
  CHECK(says(find_rapl(machine.sysfs).reason, "max_energy_range_uj"));
}

TEST_CASE("a battery measures by power, or current times voltage, and only while discharging") {
  FakeMachine machine;
  CHECK(says(find_battery(machine.sysfs).reason, "no battery"));
  machine.battery("BAT0", "Discharging");
  machine.set("class/power_supply/BAT0/current_now", "-2000000");
  machine.set("class/power_supply/BAT0/voltage_now", "11500000");
  machine.battery("hidpp_battery_0", "Discharging");
  machine.set("class/power_supply/hidpp_battery_0/scope", "Device");
  const FoundSource found = find_battery(machine.sysfs);
  REQUIRE_MESSAGE(found.source, found.reason);
  CHECK(found.source->name() == "battery BAT0");
  CHECK(found.source->read().value == doctest::Approx(23));
  machine.set("class/power_supply/BAT0/power_now", "15000000");
  CHECK(found.source->read().value == doctest::Approx(15));
  machine.battery("BAT1", "Not charging");
  CHECK(find_battery(machine.sysfs).source->read().value == doctest::Approx(15));
  machine.set("class/power_supply/BAT0/power_now", "0");
  CHECK(says(found.source->read().problem, "above 0"));
  machine.battery("BAT0", "Charging");
  CHECK(says(found.source->read().problem, "unplug"));
  machine.battery("BAT0", "Full");
  CHECK(says(find_battery(machine.sysfs).reason, "only a discharging battery"));
}

namespace {

/// Two GPUs of a driver that exists only here.
struct FakeGpus {
  int energy_code = 0, power_code = 0, init_code = 0;
  unsigned count = 2;
  unsigned long long mj = 1000;
  int open = 0;
};
FakeGpus gpus;
char handles[2];

NvmlLibrary fake_nvml() {
  NvmlFunctions f;
  f.init = [] { return ++gpus.open, gpus.init_code; };
  f.shutdown = [] { return --gpus.open, 0; };
  f.device_count = [](unsigned* count) { return *count = gpus.count, 0; };
  f.device = [](unsigned i, NvmlFunctions::Device* to) { return *to = &handles[i], 0; };
  f.device_name = [](NvmlFunctions::Device d, char* to, unsigned bytes) {
    return std::snprintf(to, bytes, "card %d", d == &handles[1] ? 1 : 0), 0;
  };
  f.total_energy = [](NvmlFunctions::Device, unsigned long long* mj) {
    return *mj = gpus.mj, gpus.energy_code;
  };
  f.power_usage = [](NvmlFunctions::Device, unsigned* mw) { return *mw = 75'000, gpus.power_code; };
  f.error_string = [](int code) { return code == 3 ? "Not Supported" : "Uninitialized"; };
  return {f, ""};
}

}  // namespace

TEST_CASE("NVML counts energy where every GPU does, else states power, else says N/A") {
  gpus = {};
  {
    const FoundSource found = find_nvml(fake_nvml());
    REQUIRE(found.source);
    CHECK(found.source->counter());
    CHECK(found.source->name() == "NVML card 0 + card 1");
    gpus.mj = 3500;
    CHECK(found.source->read().value == doctest::Approx(5));
    gpus.mj = 10;
    CHECK(says(found.source->read().problem, "backwards"));
  }
  CHECK(gpus.open == 0);
  gpus.energy_code = 3;
  {
    const FoundSource found = find_nvml(fake_nvml());
    REQUIRE(found.source);
    CHECK(!found.source->counter());
    CHECK(found.source->read().value == doctest::Approx(150));
    gpus.power_code = 1;
    CHECK(says(found.source->read().problem, "Uninitialized"));
  }
  gpus.power_code = 3;
  const FoundSource found = find_nvml(fake_nvml());
  CHECK(!found.source);
  CHECK(says(found.reason, "Not Supported"));
  CHECK(says(found.reason, "--power-csv"));
  CHECK(gpus.open == 0);
  gpus.count = 0;
  CHECK(says(find_nvml(fake_nvml()).reason, "no GPU"));
}

TEST_CASE("a library that is missing, or another one, is no NVML") {
  const NvmlLibrary missing = open_nvml("libno-such-library.so.1");
  CHECK(!missing.functions);
  CHECK(says(find_nvml(missing).reason, "libno-such-library.so.1"));
  const NvmlLibrary other = open_nvml("libc.so.6");
  CHECK(!other.functions);
}

TEST_CASE(
    "a CPU run is measured by the processor, a CUDA run by the GPU, either by a battery at last") {
  FakeMachine machine;
  gpus = {};
  EnergyRoots roots{machine.sysfs, fake_nvml};
  const auto choice = [&](const char* backend) {
    return choose_energy_source(find_energy_sources(roots), backend);
  };
  CHECK(!choice("cpu").source);
  CHECK(says(choice("cpu").reason, "RAPL: no "));
  CHECK(!says(choice("cpu").reason, "NVML"));
  CHECK(choice("cuda").provenance == Provenance::kNvml);
  machine.battery("BAT0", "Discharging");
  machine.set("class/power_supply/BAT0/power_now", "15000000");
  CHECK(choice("cpu").provenance == Provenance::kBattery);
  CHECK(choice("cuda").provenance == Provenance::kNvml);
  machine.domain("intel-rapl:0", "package-0", 0);
  CHECK(choice("cpu").provenance == Provenance::kRapl);
  CHECK(energy_line(find_energy_sources(roots)) ==
        "RAPL package-0, battery BAT0, NVML card 0 + card 1");
}

TEST_CASE("power is integrated by trapezoids, and linear at the ends of the window") {
  PowerSeries ramp;
  for (int64_t t = 0; t <= 10; ++t) ramp.points.push_back({t * kS, double(t)});
  const WindowEnergy e = integrate(ramp, 5 * kS / 2, 15 * kS / 2);
  CHECK(*e.joules == doctest::Approx(25));  // the integral of t from 2.5 to 7.5
  CHECK(*e.watts_mean == doctest::Approx(5));
  CHECK(*e.watts_peak == doctest::Approx(7.5));
}

TEST_CASE("a counter's energy is its difference, its peak that of one update") {
  PowerSeries counter;
  counter.counter = true, counter.update_ns = kS;
  counter.points = {{0, 100}, {kS, 110}, {2 * kS, 140}, {2 * kS + 1, 141}, {3 * kS, 150}};
  const WindowEnergy e = integrate(counter, 0, 3 * kS);
  CHECK(*e.joules == doctest::Approx(50));
  CHECK(*e.watts_peak == doctest::Approx(30));  // not the 1 J of a nanosecond
}

TEST_CASE("a window that readings do not cover has no energy but a reason") {
  PowerSeries series;
  series.points = {{0, 5}, {kS, 5}, {20 * kS, 5}};
  CHECK(says(integrate(series, 10 * kS, 30 * kS).reason, "end 10.0 s before"));
  CHECK(says(integrate(series, -kS, 2 * kS).reason, "begin 1.0 s after"));
  series.longest_gap_ns = 10 * kS;
  CHECK(says(integrate(series, 0, 15 * kS).reason, "no reading for 19.0 s"));
  CHECK(integrate(series, 0, kS / 2).joules);
  series.problem = "pulled out";
  CHECK(integrate(series, 0, kS / 2).reason == "pulled out");
  PowerSeries frozen;
  frozen.counter = true, frozen.points = {{0, 7}, {kS, 7}};
  CHECK(says(integrate(frozen, 0, kS).reason, "did not move"));
  CHECK(!integrate(frozen, 0, kS).joules);
}

TEST_CASE("a meter's log is read with either kind of time, any columns, and a line in progress") {
  const PowerSeries unix = parse_meter_log("timestamp,W\n100.5,20\n101.5,22\n102.5,9", "log");
  REQUIRE(unix.points.size() == 2);
  CHECK(unix.points[0].ns == 100'500 * kMs);
  CHECK(unix.points[1].value == 22);
  CHECK(unix.update_ns == kS);
  const PowerSeries named =
      parse_meter_log("V,W,timestamp\n230,5.5,2026-01-31T12:00:00.25Z\n", "log");
  CHECK(utc_text(named.points[0].ns) == "2026-01-31T12:00:00Z");
  CHECK(named.points[0].ns % kS == 250 * kMs);
  CHECK(parse_meter_log("", "log").points.empty());
}

TEST_CASE("a log that is none is refused with file and line") {
  const std::pair<const char*, const char*> wrong[] = {
      {"time,power\n1,2\n", "log:1"},
      {"1,2\n1\n", "log:2"},
      {"1,2\nx,2\n", "timestamp"},
      {"1,2\n2026-02-30T00:00:00Z,2\n", "timestamp"},
      {"1,2\n2026-01-31T12:00:00,2\n", "timestamp"},
      {"1,2\n2,-3\n", "W: expected"},
      {"1,2\n2,nan\n", "W: expected"},
      {"1,2\n2,1e300\n", "W: expected"},
      {"2,2\n1,2\n", "later times"}};
  for (const auto& [text, said] : wrong) {
    const char* log = text;
    INFO(log);
    try {
      parse_meter_log(text, "log");
      FAIL("not refused");
    } catch (const Error& error) {
      CHECK_MESSAGE(says(error.what(), said), error.what());
    }
  }
  CHECK_THROWS_AS(open_meter_file("/no/such/file"), Error);
}

TEST_CASE("sampling is bounded, ends with the work, and with what the work throws") {
  SteadySource source;
  const SampledWindow window = sample_while(source, 0, [] { sleep_ms(110); });
  CHECK(source.reads >= 3);
  CHECK(source.reads <= 3 + (window.to_ns - window.from_ns) / kLeastSamplingNs);
  const double seconds = double(window.to_ns - window.from_ns) * 1e-9;
  CHECK(*window.energy().joules == doctest::Approx(10 * seconds).epsilon(0.02));
  CHECK_THROWS_AS(sample_while(source, 0, [] { fail("work"); }), Error);
  const int reads = source.reads;
  sleep_ms(50);
  CHECK(source.reads == reads);
}

TEST_CASE("a source that fails while work is done leaves its reason and no figure") {
  auto source = std::make_unique<SteadySource>();
  source->fails_after = 2;
  const EnergyFigures f = meter_of(std::move(source)).measure(1, [] { return sleep_ms(60), true; });
  CHECK(f.reason == "gone");
  CHECK(!f.joules);
  CHECK(!f.joules_per_token());
}

TEST_CASE("energy is repeated work: tokens of all passes, less what idling would have cost") {
  auto source = std::make_unique<SteadySource>();
  SteadySource& fake = *source;
  EnergyMeter meter = meter_of(std::move(source));
  fake.watts = 4;
  meter.measure_idle(40 * kMs);
  fake.watts = 10, fake.started_ns = now_ns();
  int passes = 0;
  const EnergyFigures f = meter.measure(8, [&] { return ++passes, sleep_ms(7), true; });
  CHECK(passes >= 2);
  CHECK(f.tokens == 8 * passes);
  REQUIRE(f.joules_net);
  CHECK(*f.idle_watts == doctest::Approx(4).epsilon(0.03));
  CHECK(*f.joules_net / *f.joules == doctest::Approx(0.6).epsilon(0.1));
  CHECK(*f.joules_per_token() * *f.tokens_per_joule() == doctest::Approx(1));
  CHECK(f.window_ns >= 20 * kMs);
  CHECK(f.reason.empty());
}

TEST_CASE("a window shorter than the source can tell has a reason, and no figure") {
  auto source = std::make_unique<SteadySource>();
  source->shortest_ns = kS;
  EnergyMeter meter = meter_of(std::move(source));
  meter.measure_idle(kMs);
  CHECK(says(meter.idle_text(), "too short"));
  const EnergyFigures f = meter.measure(8, [] { return sleep_ms(30), true; });
  CHECK(says(f.reason, "window too short"));
  CHECK(!f.joules);
  CHECK(f.window_ns > 0);
}

TEST_CASE("an interrupted pass, or one no dearer than idling, has no made-up figure") {
  auto source = std::make_unique<SteadySource>();
  SteadySource& fake = *source;
  EnergyMeter meter = meter_of(std::move(source));
  CHECK(meter.measure(1, [] { return false; }).reason == "interrupted");
  fake.watts = 20;
  meter.measure_idle(40 * kMs);
  fake.watts = 10, fake.started_ns = now_ns();
  const EnergyFigures f = meter.measure(1, [] { return sleep_ms(30), true; });
  CHECK(f.joules);
  CHECK(!f.joules_net);
  CHECK(says(f.reason, "no more than the idle machine"));
}

TEST_CASE("without a source every figure is null with the reason, none is 0") {
  EnergyMeter meter({"none", Provenance::kUnavailable, nullptr, "RAPL: none here"});
  meter.measure_idle(kS);  // returns at once
  bool called = false;
  const OrderedJson json = to_json(meter.measure(5, [&] { return called = true; }));
  CHECK(!called);
  for (const char* key : {"source", "joules", "idle_watts", "joules_net", "joules_per_token",
                          "tokens_per_joule", "watts_mean", "watts_peak", "window_ns"})
    CHECK_MESSAGE(json.at(key).is_null(), key);
  CHECK(json["provenance"] == "unavailable");
  CHECK(json["reason"] == "RAPL: none here");
}

TEST_CASE("bench --power-csv: 50 W in the log are 50 W in the row") {
  if (!available()) return;
  const ScratchFolder folder;
  std::string log = "timestamp,W\n";
  const double now = double(unix_now_ns()) * 1e-9;
  for (int i = 0; i < 6000; ++i) log += fmt::format("{:.3f},50\n", now - 5 + 0.02 * i);
  const std::string bench = "bench -m " + kTiny + " -p 0 -n 4 --runs 2 -t 1 --json ";
  const Outcome o = run(bench + "--energy-idle 0s --power-csv " + folder.write("log.csv", log));
  REQUIRE_MESSAGE(o.code == 0, o.err);
  const Json measured = parse_json(o.out, "stdout");
  REQUIRE(measured["rows"].size() == 1);
  const Json &row = measured["rows"][0], &e = row["energy"];
  INFO(e.dump());
  CHECK(e["provenance"] == "external");
  CHECK(e["watts_mean"].get<double>() == doctest::Approx(50));
  CHECK(e["joules"].get<double>() == doctest::Approx(50 * e["window_ns"].get<double>() * 1e-9));
  CHECK(e["joules_net"].is_null());
  CHECK(says(e["reason"], "idle"));
  CHECK(row["telemetry"].size() == 2);
  CHECK(measured["config"]["energy"] == true);
  check_usage_error("bench -m " + kTiny + " --energy-idle 3", "--energy-idle");
}

TEST_CASE("a row for which energy was not asked has none, and one without a source says it once") {
  BenchReport report;
  report.config = OrderedJson::object();
  report.rows.resize(2);
  for (BenchRow& row : report.rows) row.result.tokens_per_second = summarize({1});
  CHECK(!row_json(report, report.rows[0]).contains("energy"));
  CHECK(!says(report_text(report), "energy:"));
  for (BenchRow& row : report.rows) row.energy.emplace().reason = "none here";
  CHECK(row_json(report, report.rows[0])["energy"]["joules"].is_null());
  const std::string text = report_text(report);
  CHECK(says(text, "energy: unavailable: none here"));
  CHECK(text.find("energy:") == text.rfind("energy:"));
}

TEST_CASE("energy and telemetry of a row are read back as they were written") {
  EnergyMeter meter = meter_of(std::make_unique<SteadySource>());
  meter.measure_idle(40 * kMs);
  const OrderedJson json = to_json(meter.measure(3, [] { return sleep_ms(30), true; }));
  CHECK(to_json(read_energy(Json::parse(json.dump()), "here")) == json);
  EnergyMeter without({"none", Provenance::kUnavailable, nullptr, "nothing here"});
  const OrderedJson none = to_json(without.measure(3, [] { return true; }));
  CHECK(to_json(read_energy(Json::parse(none.dump()), "here")) == none);
  RunTelemetry run;
  run.wall_ns = kS, run.clock_mhz = 3200.5, run.major_faults = 7, run.involuntary_switches = 100;
  const OrderedJson telemetry = to_json(run, 1);
  CHECK(to_json(read_telemetry(Json::parse(telemetry.dump()), "here"), 1) == telemetry);
}
