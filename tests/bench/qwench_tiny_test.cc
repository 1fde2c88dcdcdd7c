// The model that ships, against what transformers computed with it (tests/data/qwench-tiny).
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "engine/base/json.h"
#include "tests/bench/program.h"
#include "tests/support/scratch.h"

using namespace qwench::test;
using qwench::Json;

namespace {

const std::string kTiny = QWENCH_SOURCE_DIR "/models/qwench-tiny";

Json transformers() {
  return qwench::parse_json_file(QWENCH_SOURCE_DIR "/tests/data/qwench-tiny/transformers.json");
}

Json report(const std::string& options, int expected_code) {
  const Outcome o = run("accuracy -m " + kTiny + " --reference base: --json " + options);
  REQUIRE_MESSAGE(o.code == expected_code, o.err);
  return qwench::parse_json(o.out, "stdout");
}

/// {group: accuracy} of the first result of a task.
Json groups_of(const Json& report, const std::string& task) {
  for (const Json& t : report["tasks"])
    if (t["task"] == task) return t["results"][0]["groups"];
  FAIL("no task " << task);
  return {};
}

}  // namespace

TEST_CASE(
    "held-out perplexity of the model that ships is transformers', and far below a unigram's") {
  if (!available()) return;
  const Json json = report("--no-floor --generate 0", 0), theirs = transformers()["heldout"];
  const double ours = json["reference"]["perplexity"], expected = theirs["perplexity"];
  CHECK(std::abs(ours / expected - 1) < 1e-4);
  CHECK(json["reference"]["tokens"] == theirs["tokens"]);
  CHECK(ours < 0.1 * theirs["unigram_perplexity"].get<double>());
}

TEST_CASE("greedy answers to the chat prompts that ship are transformers', id by id") {
  if (!available()) return;
  const ScratchFolder folder;
  const Json theirs = transformers();
  for (const Json& chat : theirs["chat"]) {
    const std::string messages = folder.write("messages.json", chat["messages"].dump());
    const Outcome o = run("run -m " + kTiny + " --messages " + messages + " --greedy -n 48 --json");
    REQUIRE_MESSAGE(o.code == 0, o.err);
    INFO(chat["messages"].dump());
    CHECK(qwench::parse_json(o.out, "stdout")["ids"] == chat["ids"]);
  }
}

TEST_CASE("multiple choice, endings and retrieval score as transformers scores them") {
  if (!available()) return;
  const Json json = report("--tasks", 0), theirs = transformers();
  const std::pair<const char*, const char*> tasks[] = {
      {"mmlu", "multiple_choice"}, {"hellaswag", "endings"}, {"retrieval", "retrieval"}};
  for (const auto& [ours, name] : tasks)
    for (const auto& [group, expected] : theirs[name].items()) {
      const std::string row = std::string(name) + " " + group;
      INFO(row);
      const Json found = groups_of(json, ours)[group];
      const double n = expected["n"];
      CHECK(found["n"] == expected["n"]);  // one answer may fall the other way by rounding
      CHECK(std::abs(found["acc"].get<double>() - expected["accuracy"].get<double>()) < 1.5 / n);
    }
}

TEST_CASE("a damaged layer of the model that ships is named from the layer outputs alone") {
  if (!available()) return;
  const Json json = report(
      "--no-floor --generate 0 --max-tokens 1024 --candidate half:dtype=f16 "
      "--candidate damaged:inject.layer=2,inject.noise=0.05",
      3);
  CHECK(json["candidates"][0]["pass"] == true);
  CHECK(json["candidates"][1]["pass"] == false);
  CHECK(json["candidates"][1]["summary"].get<std::string>().find("layer 2") != std::string::npos);
}
