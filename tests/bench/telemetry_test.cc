// What the machine did in each timed run, on fake machines and on this one.
#include "bench/machine/run_telemetry.h"

#include <doctest/doctest.h>

#include "tests/support/scratch.h"

using namespace qwench;
using namespace qwench::bench;
using qwench::test::ScratchFolder;

namespace {

constexpr int64_t kS = 1'000'000'000;

struct FakeMachine {
  ScratchFolder folder;
  std::shared_ptr<Sysfs> sysfs = std::make_shared<Sysfs>(folder.path());
  void set(const std::string& path, int64_t value) {
    folder.write(path, std::to_string(value) + "\n");
  }
  void cpu(const std::string& name, int64_t khz, int64_t throttled) {
    set("devices/system/cpu/" + name + "/cpufreq/scaling_cur_freq", khz);
    set("devices/system/cpu/" + name + "/thermal_throttle/core_throttle_count", throttled);
    set("devices/system/cpu/" + name + "/thermal_throttle/package_throttle_count", 7);
  }
};

}  // namespace

TEST_CASE(
    "the clock is that of the busiest cores, the temperature the hottest, throttling a "
    "difference") {
  FakeMachine machine;
  machine.cpu("cpu0", 1'200'000, 3);
  machine.cpu("cpu1", 4'000'000, 0);
  machine.cpu("cpu2", 3'800'000, 0);
  machine.folder.write("devices/system/cpu/cpufreq/nothing", "");
  machine.folder.write("class/thermal/thermal_zone0/type", "acpitz\n");
  machine.set("class/thermal/thermal_zone0/temp", 99'000);
  machine.folder.write("class/thermal/thermal_zone1/type", "x86_pkg_temp\n");
  machine.set("class/thermal/thermal_zone1/temp", 61'500);
  TelemetryReader reader(2, machine.sysfs);
  reader.start();
  machine.set("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", 5);
  const RunTelemetry run = reader.finish(kS);
  CHECK(*run.clock_mhz == doctest::Approx(3900));
  CHECK(*run.temperature_celsius == doctest::Approx(61.5));
  CHECK(*run.throttle_events == 2);
  CHECK(contamination(run, 2).back() == "2 thermal throttle events");
}

TEST_CASE("what the system does not tell is null, and vanishing files make it so") {
  FakeMachine machine;
  TelemetryReader nothing(1, machine.sysfs);
  nothing.start();
  const OrderedJson json = to_json(nothing.finish(kS), 1);
  for (const char* key : {"clock_mhz", "temperature_celsius", "throttle_events"})
    CHECK_MESSAGE(json.at(key).is_null(), key);
  machine.cpu("cpu0", 2'000'000, 1);
  machine.cpu("cpu1", 2'000'000, 1);
  TelemetryReader reader(1, machine.sysfs);
  reader.start();
  machine.folder.write("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "?\n");
  CHECK(!reader.finish(kS).throttle_events);
}

TEST_CASE("page faults of a run are counted, those before it are not") {
  TelemetryReader reader(1);
  const auto touch = [](size_t pages) {
    std::vector<char> memory(pages * 4096);
    for (size_t i = 0; i < memory.size(); i += 4096) memory[i] = char(i);
    return memory;
  };
  touch(20000);
  reader.start();
  const RunTelemetry none = reader.finish(kS);
  reader.start();
  touch(20000);
  const RunTelemetry some = reader.finish(kS);
  REQUIRE(some.minor_faults);
  CHECK(*some.minor_faults > *none.minor_faults + 30);  // fewer where pages are huge
  CHECK(some.rss_bytes.value_or(1) > 0);
}

TEST_CASE("a run is contaminated by disk, throttling, and many switches, not by a few") {
  RunTelemetry run;
  run.wall_ns = kS, run.major_faults = 0, run.involuntary_switches = 4, run.throttle_events = 0;
  CHECK(contamination(run, 1).empty());
  run.involuntary_switches = 40;
  CHECK(contamination(run, 1).size() == 1);
  CHECK(contamination(run, 4).empty());  // ten of each thread
  run.wall_ns = kS / 1000, run.involuntary_switches = 3;
  CHECK(contamination(run, 1).empty());
  run.major_faults = 1;
  CHECK(contamination(run, 1)[0] == "1 major page fault");
  CHECK(contamination({}, 1).empty());  // nothing known, nothing claimed
}

TEST_CASE("marked runs are counted and said, and none are said to be when none are") {
  RunTelemetry clean, dirty;
  dirty.major_faults = 12;
  CHECK(contamination_text({clean, clean}, 1).empty());
  CHECK(contamination_text({clean, clean, dirty}, 1) ==
        "1 of 3 runs contaminated (run 3: 12 major page faults); kept");
  CHECK(contamination_text({dirty, dirty}, 1).rfind("2 of 2", 0) == 0);
  CHECK(to_json(dirty, 1)["contaminated"].size() == 1);
  CHECK(to_json(clean, 1)["contaminated"].empty());
}
