// `qwench compare` as scripts see it.
#include <doctest/doctest.h>

#include "engine/json.h"
#include "tests/bench/program.h"

using namespace qwench::test;

namespace {

const std::string kTiny = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";

qwench::Json compare(const std::string& rest) {
  const Outcome o = run("compare -m " + kTiny + " -t 1 -p 8 -n 4 --rounds 12 --json " + rest);
  REQUIRE(o.code == 0);
  return qwench::parse_json(o.out, "stdout");
}

}  // namespace

TEST_CASE("compare gives a pair for every other configuration and phase") {
  if (!available()) return;
  const qwench::Json json = compare("a: b: c:kernel=reference");
  REQUIRE(json["pairs"].size() == 4);
  CHECK(json["configurations"].size() == 3);
  CHECK(json["rounds"] == 12);
  for (const qwench::Json& pair : json["pairs"]) {
    CHECK(pair["a"] == "a");
    CHECK((pair["phase"] == "prefill" || pair["phase"] == "decode"));
    CHECK(pair["ratio"].get<double>() > 0);
    CHECK(pair["runs"] == 12);
    CHECK(pair["noise_floor"].get<double>() >= 0);
    REQUIRE(pair["ci95"].size() == 2);
    CHECK(pair["ci95"][0] <= pair["ratio"]);
    CHECK(pair["ratio"] <= pair["ci95"][1]);
  }
  CHECK(json["pairs"][2]["b"] == "c");
  // Equal configurations are one model in memory, and their logits are the same bits.
  CHECK(json["configurations"][1]["logits"]["relative_l2"] == 0.0);
  CHECK(json["configurations"][2]["logits"]["relative_l2"].get<double>() < 1e-4);
  CHECK(json["kernels"].size() >= 4);
}

TEST_CASE("compare finds an op that takes three times as long") {
  if (!available()) return;
  const qwench::Json json = compare("a: slow:inject.delay=200%");
  for (const qwench::Json& pair : json["pairs"]) {
    CHECK(pair["verdict"] == "worse");
    CHECK(pair["ratio"].get<double>() < 0.6);
  }
}

TEST_CASE("compare refuses what it cannot compare") {
  if (!available()) return;
  const std::string model = "compare -m " + kTiny + " ";
  check_usage_error(model, "two configurations");
  check_usage_error(model + "a:", "two configurations");
  check_usage_error(model + "a: a:", "'a' twice");
  check_usage_error(model + "a: b:dleay=3", "unknown key");
  check_usage_error(model + "a: b:inject.delay=-1%", "inject.delay");
  check_usage_error(model + "a: b: -p 0 -n 0", "-p, -n");
  check_usage_error(model + "a: b: --alpha 2", "alpha");
  check_usage_error("compare a: b:", "-m");
}
