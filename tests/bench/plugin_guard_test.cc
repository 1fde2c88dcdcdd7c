// Plug-ins that end a command: named, and what was measured before is not lost.
#include <doctest/doctest.h>

#include "cpu/cpu_backend.h"
#include "engine/base/json.h"
#include "tests/bench/program.h"
#include "tests/support/poisoned.h"

using namespace qwench;
using namespace qwench::test;

namespace {

const std::string kFolder = QWENCH_BUILD_DIR "/tests/plugins/";
const std::string kTiny = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("exceptions of a plug-in are errors of ours, wherever they are thrown") {
  cpu::CpuOptions options;
  options.threads = 2, options.plugins = {kFolder + "throws.so"};
  options.policy.add("rms_norm=own"), options.policy.add("swiglu=own");
  const auto backend = cpu::make_cpu_backend(options);
  Poisoned a({2, 64}, 1), b({2, 64}, 2), w({64}, 3), h({2, 64});
  CHECK_THROWS_WITH_AS(
      backend->run(RmsNormArgs{a.view(), w.view(), 1e-6f, h.view()}),
      doctest::Contains("kernel own of rms_norm: threw a C++ exception (no such table)"), Error);
  CHECK_THROWS_WITH_AS(backend->run(SwiGluArgs{a.view(), b.view(), h.view()}),
                       doctest::Contains("kernel own of swiglu: threw"), Error);
}

TEST_CASE("a plug-in that ends a command is named, and what was measured before is printed") {
  if (!available()) return;
  const std::string model = " -m " + kTiny + " -t 1 ",
                    own = " --kernel linear=own --plugin " + kFolder;
  const Outcome run_crash = run("run" + model + "--tokens 1,2,3 -n 2" + own + "aborts.so");
  CHECK(run_crash.code == 1);
  CHECK(has(run_crash.err, "error: plug-in faulty 1.0"));
  CHECK(has(run_crash.err, "aborts.so): kernel own of linear: called abort()"));
  const Outcome load = run("run" + model + "--tokens 1,2,3 -n 2" + own + "crashes_at_load.so");
  CHECK(load.code == 1);
  CHECK(has(load.err, "crashes_at_load.so, while it was loaded: called abort()"));
  const Outcome hang =
      run("run" + model + "--tokens 1,2,3 -n 2 --plugin-timeout 0.3" + own + "hangs.so");
  CHECK(hang.code == 1);
  CHECK(has(hang.err, "did not end within 0.3 s"));
  const Outcome quiet = run("run" + model + "--tokens 1,2,3 -n 2" + own + "exits.so");
  CHECK(quiet.code == 1);
  CHECK(has(quiet.err, "ended the program with exit()"));
}

TEST_CASE("cases that were finished outlive a plug-in's crash") {
  if (!available()) return;
  const Outcome benched =
      run("bench -m " + kTiny + " -t 1 -p 4 -n 4 -d 0,8,16 --runs 3 --json --plugin " + kFolder +
          "crashes_later_than_one_case.so --kernel linear=own");
  CHECK(benched.code == 1);
  const Json rows = parse_json(benched.out, "stdout");
  CHECK(rows["interrupted"] == true);
  CHECK(rows["rows"].size() >= 1);
}

TEST_CASE("rounds that were finished outlive a plug-in's crash") {
  if (!available()) return;
  const Outcome compared =
      run("compare -m " + kTiny + " -t 1 -p 4 -n 4 --rounds 1000 --json a: b:plugin=" + kFolder +
          "crashes_late.so" + ",kernel.linear=own");
  CHECK(compared.code == 1);
  CHECK(has(compared.err, "kernel own of linear: called abort()"));
  const Json json = parse_json(compared.out, "stdout");
  CHECK(json["interrupted"] == true);
  CHECK(json["rounds"].get<int64_t>() > 0);
  CHECK(json["rounds"].get<int64_t>() < 1000);
  CHECK(json["pairs"].size() == 2);
}
