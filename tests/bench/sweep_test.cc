// A sweep that was cut off: what it has written is taken, what it has not is measured.
#include <doctest/doctest.h>

#include <fstream>

#include "bench/support/append_log.h"
#include "engine/base/check.h"
#include "engine/base/json.h"
#include "tests/bench/program.h"

using namespace qwench::test;
using qwench::Json;

namespace {

const std::string kTiny = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";

std::string bench(const std::string& rest) {
  return "bench -m " + kTiny + " -t 1 -p 8 -n 4 -b 1,2 --runs 2 --warmup 0 --json " + rest;
}

Json json_of(const Outcome& o) {
  INFO(o.err);
  REQUIRE(o.code == 0);
  return qwench::parse_json(o.out, "stdout");
}

size_t lines_of(const std::string& path) { return qwench::bench::read_append_log(path).size(); }

}  // namespace

TEST_CASE("a resumed sweep takes the cases it has, as they were, and measures the others") {
  if (!available()) return;
  const ScratchFolder scratch;
  const std::string samples = scratch.file("samples.jsonl"), option = "--samples " + samples;
  const Json first = json_of(run(bench(option)));
  REQUIRE(first["rows"].size() == 4);
  CHECK(lines_of(samples) == 4);

  // As a kill leaves it: three whole lines and half of one.
  const std::string text = qwench::read_file(samples, 1 << 24);
  const size_t third = text.find('\n', text.find('\n', text.find('\n') + 1) + 1) + 1;
  std::ofstream(samples, std::ios::trunc) << text.substr(0, third + (text.size() - third) / 2);

  const Outcome outcome = run(bench(option + " --resume"));
  CHECK(outcome.err.find(":4") != std::string::npos);  // the torn line is named
  const Json again = json_of(outcome);
  REQUIRE(again["rows"].size() == 4);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(again["rows"][i]["tokens_per_second"] == first["rows"][i]["tokens_per_second"]);
    CHECK(again["rows"][i]["ops"] == first["rows"][i]["ops"]);
    CHECK(again["rows"][i]["wall_ns"] == first["rows"][i]["wall_ns"]);
  }
  CHECK(again["rows"][3]["tokens_per_second"] != first["rows"][3]["tokens_per_second"]);
  CHECK(lines_of(samples) == 4);
}

TEST_CASE("samples of other options are not taken") {
  if (!available()) return;
  const ScratchFolder scratch;
  const std::string option = "--samples " + scratch.file("samples.jsonl");
  json_of(run(bench(option)));
  const Outcome o = run(bench(option + " --resume --kernel reference"));
  CHECK(o.err.find("4 samples were measured with something else") != std::string::npos);
  CHECK(o.err.find("measured before") == std::string::npos);
}

TEST_CASE("samples that cannot be kept end the run before it measures") {
  if (!available()) return;
  const Outcome o = run(bench("--samples /nonexistent/samples.jsonl"));
  CHECK(o.code == 1);
  CHECK(o.err.find("/nonexistent/samples.jsonl") != std::string::npos);
  check_usage_error(bench("--resume"), "--samples");
}

TEST_CASE("a full disk loses no line that was written before") {
  qwench::bench::AppendLog full("/dev/full");
  CHECK_THROWS_WITH_AS(full.append({{"a", 1}}), doctest::Contains("/dev/full"), qwench::Error);
}

TEST_CASE("a plan names cases, memory and time, and measures none") {
  if (!available()) return;
  const Json plan = json_of(run(bench("--plan -d 0,16")));
  REQUIRE(plan["cases"].size() == 8);
  double sum = 0;
  for (const Json& c : plan["cases"]) {
    CHECK(c["memory_bytes"].get<int64_t>() > 0);
    CHECK(c["fits"] == true);
    CHECK(c["known"] == false);
    sum += c["seconds"].get<double>();
  }
  CHECK(plan["seconds"].get<double>() > sum);  // loading comes on top
  CHECK_FALSE(plan.contains("rows"));
}
