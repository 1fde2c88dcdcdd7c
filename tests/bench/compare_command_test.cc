// `qwench compare` as scripts see it.
#include <doctest/doctest.h>

#include <filesystem>

#include "engine/base/json.h"
#include "tests/bench/program.h"

using namespace qwench::test;

namespace {

const std::string kTiny = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";

qwench::Json compare(const std::string& rest) {
  const std::string rounds = rest.find("--rounds") == std::string::npos ? "--rounds 12 " : "";
  const Outcome o = run("compare -m " + kTiny + " -t 1 -p 8 -n 4 --json " + rounds + rest);
  REQUIRE(o.code == 0);
  return qwench::parse_json(o.out, "stdout");
}

}  // namespace

TEST_CASE("compare gives a pair for every other configuration and phase") {
  if (!available()) return;
  const qwench::Json json = compare("--kv-dtype f32 a: b: c:kernel=reference");
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

TEST_CASE(
    "compare says what its figures are, and judges by the guides only where they are asked for") {
  if (!available()) return;
  const std::string few = "compare -m " + kTiny + " -t 1 -p 8 -n 0 --rounds 3 a: b: ";
  const Outcome plain = run(few), judged = run(few + "--targets");
  INFO(plain.out);
  CHECK(plain.out.find("speed b/a: how many times as fast b is") != std::string::npos);
  CHECK(plain.out.find("too few runs  too few runs") != std::string::npos);
  CHECK(plain.out.find("3, takes about 8") != std::string::npos);
  CHECK(plain.out.find("target of the guides") == std::string::npos);
  CHECK(judged.out.find("target of the guides") != std::string::npos);
  CHECK(qwench::parse_json(run(few + "--json").out, "stdout")["targets_asked"] == false);
  const qwench::Json asked = qwench::parse_json(run(few + "--json --targets").out, "stdout");
  CHECK(asked["targets_asked"] == true);
  CHECK(!asked["targets"].empty());
}

TEST_CASE("compare finds an op that takes three times as long") {
  if (!available()) return;
  const qwench::Json json = compare("a: slow:inject.delay=200%");
  for (const qwench::Json& pair : json["pairs"]) {
    CHECK(pair["verdict"] == "worse");
    CHECK(pair["ratio"].get<double>() < 0.6);
  }
}

TEST_CASE("two builds are compared as processes, with the logits of both") {
  if (!available()) return;
  // A build that answers `bench` at once, with what this one measured: the ceilings take seconds.
  const ScratchFolder scratch;
  const Outcome measured = run("bench -m " + kTiny + " -t 1 -p 8 -n 4 --runs 2 --json");
  REQUIRE(measured.code == 0);
  const std::string script = "#!/bin/sh\nif [ \"$1\" = bench ]; then cat " +
                             scratch.write("bench.json", measured.out) + "; else exec " + kProgram +
                             " \"$@\"; fi\n";
  const std::string exe = scratch.write("build", script);
  std::filesystem::permissions(exe, std::filesystem::perms::owner_all);
  const qwench::Json json = compare("--exe old=" + exe + " --exe new=" + exe);
  REQUIRE(json["pairs"].size() == 2);
  CHECK(json["pairs"][0]["a"] == "old");
  CHECK(json["pairs"][0]["b"] == "new");
  CHECK(json["pairs"][0]["ratio"] == 1.0);
  CHECK(json["pairs"][0]["verdict"] == "not_separated");
  CHECK(json["configurations"][1]["logits"]["relative_l2"] == 0.0);
  CHECK(json["configurations"][1]["tool"]["name"] == "qwench");
  CHECK(json["configurations"][1]["memory_bytes"].get<int64_t>() > 0);
}

TEST_CASE("a build that computes something else is wrong, whatever its speed") {
  if (!available()) return;
  const ScratchFolder scratch;
  const Outcome measured = run("bench -m " + kTiny + " -t 1 -p 8 -n 4 --runs 2 --json");
  REQUIRE(measured.code == 0);
  const std::string answers = scratch.write("bench.json", measured.out);
  // The other build runs kernels of a plug-in that is wrong for more than one row.
  const std::string plugin = " --kernel linear=own --plugin " QWENCH_BUILD_DIR "/tests/plugins/";
  const auto build = [&](const std::string& name, const std::string& options) {
    const std::string exe =
        scratch.write(name, "#!/bin/sh\nif [ \"$1\" = bench ]; then cat " + answers +
                                "; else exec " + kProgram + " \"$@\"" + options + "; fi\n");
    std::filesystem::permissions(exe, std::filesystem::perms::owner_all);
    return " --exe " + name + "=" + exe;
  };
  const std::string compared =
      "compare -m " + kTiny + " -t 1 -p 8 -n 4 --rounds 12 --json" + build("old", "");
  const Outcome sound = run(compared + build("new", plugin + "sound.so"));
  CHECK(sound.code == 0);
  const Outcome wrong = run(compared + build("newer", plugin + "prefill_only.so"));
  CHECK(wrong.code == 3);
  const qwench::Json json = qwench::parse_json(wrong.out, "stdout");
  CHECK(json["pairs"][0]["verdict"] == "wrong");
  CHECK(json["configurations"][1]["logits"]["correct"] == false);
  CHECK(json["configurations"][1]["logits"]["phases"][0]["rows"] == 8);
  CHECK(json["configurations"][1]["logits"]["phases"][1]["wrong"].is_null());
}

TEST_CASE("a program that fails is named with what it said") {
  if (!available()) return;
  const auto compare_with = [](const std::string& program) {
    return run("compare -m " + kTiny + " --exe " + program + " --exe b=" + std::string(kProgram));
  };
  const Outcome missing = compare_with("/nonexistent/qwench");
  CHECK(missing.code == 1);
  CHECK(missing.err.find("/nonexistent/qwench") != std::string::npos);
  const Outcome other = compare_with("/bin/false");
  CHECK(other.code == 1);
  CHECK(other.err.find("/bin/false") != std::string::npos);
  CHECK(other.err.find("exit with 0, got 1") != std::string::npos);
}

TEST_CASE("the guides' options stand for configurations") {
  if (!available()) return;
  const qwench::Json modes = compare("--rounds 2 --modes original,split_native");
  CHECK(modes["configurations"][0]["configuration"] == "original:kernel=reference");
  CHECK(modes["configurations"][1]["configuration"] == "split_native:");
  const ScratchFolder scratch;
  const qwench::Json types =
      compare("--rounds 2 --compare-quantization --quantize q8_0 --output-dir " + scratch.path());
  CHECK(types["configurations"][1]["dtype"] == "q8_0");
  size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(scratch.path())) {
    const std::string name = file.path().filename().string();
    INFO(name);
    CHECK((name.rfind("benchmark_non_quantized_2", 0) == 0 ||
           name.rfind("benchmark_quantized_2", 0) == 0));
    ++files;
  }
  CHECK(files == 2);
  const qwench::Json devices = compare("--rounds 2 --compare-devices");
  CHECK(devices["configurations"][0]["name"] == "cpu");
  const Outcome list = run("compare --modes list");
  CHECK(list.out.find("run_onnx") != std::string::npos);
  check_usage_error("compare -m " + kTiny + " --modes run_onnx", "not applicable");
  check_usage_error("compare -m " + kTiny + " --modes origin", "did you mean original");
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
