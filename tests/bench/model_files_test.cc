// What the commands make of a model's name and files, beside tests/faults.
#include <filesystem>

#include "engine/base/json.h"
#include "tests/bench/program.h"
#include "tests/support/test_model.h"

using namespace qwench::test;
using qwench::Json;
using qwench::parse_json;
using qwench::parse_json_file;

TEST_CASE(
    "models lists every card with its parameters and sizes, and says that weights are random") {
  if (!available()) return;
  const Outcome o = run("models");
  CHECK(o.code == 0);
  std::string line = o.out.substr(o.out.find("\nqwen3-0.6b") + 1);
  line = line.substr(0, line.find('\n'));
  for (const char* cell : {"0.60 B", "1.19 GB", "0.63 GB"})  // 596,049,920 weights
    CHECK_MESSAGE(line.find(cell) != std::string::npos, line);
  CHECK(o.err.find("has random weights") != std::string::npos);
}

TEST_CASE("random weights are said wherever a card is opened, and once") {
  if (!available()) return;
  for (const char* command :
       {"bench -m qwen2.5-0.5b --dtype q4_0 -p 4 -n 1 --plan", "inspect -m qwen2.5-0.5b"}) {
    const Outcome o = run(command);
    CHECK(o.code == 0);
    const std::string said = "qwen2.5-0.5b is a shape card: its weights are random";
    const size_t first = o.err.find(said);
    CHECK(first != std::string::npos);
    CHECK(o.err.find(said, first + 1) == std::string::npos);
  }
}

TEST_CASE("inspect lists tensors as they will be held, and as they are stored") {
  if (!available()) return;
  const Outcome o = run("inspect -m models/qwench-tiny --dtype q4_0 --json");
  REQUIRE(o.code == 0);
  const Json json = parse_json(o.out, "stdout");
  CHECK(json["random_weights"] == false);
  CHECK(json["notes"].empty());
  int64_t bytes = 0;
  for (const Json& tensor : json["tensors"]) {
    const std::string name = tensor["name"];
    CHECK(tensor["stored"] == "bf16");
    bytes += tensor["bytes"].get<int64_t>();
    if (name.find("norm") != std::string::npos)
      CHECK(tensor["dtype"] == "f32");
    else
      CHECK(tensor["dtype"] == (name.find("embed") != std::string::npos ? "q8_0" : "q4_0"));
  }
  CHECK(bytes == json["memory_plan"]["weights_bytes"]);
}

TEST_CASE("a model given by name is quantised with its tokenizer and configuration") {
  if (!available()) return;
  const ScratchFolder folder;
  const Outcome o = run("quantize -m qwench-tiny --type q8_0 -o " + folder.file("out"));
  INFO(o.err);
  REQUIRE(o.code == 0);
  CHECK(std::filesystem::exists(folder.file("out/tokenizer.json")));
  CHECK(parse_json_file(folder.file("out/config.json")).contains("initializer_range"));
}

TEST_CASE("what a file says beyond what is read is noted once by quantize too") {
  if (!available()) return;
  const ScratchFolder folder;
  const std::string model = data_folder("text/qwen3-tied-bf16");
  for (const char* name : {"config.json", "model.safetensors"})
    std::filesystem::copy_file(model + "/" + name, folder.file(name));
  Json config = parse_json_file(folder.file("config.json"));
  config["use_qk_norm"] = false;
  folder.write("config.json", config.dump());
  const Outcome o = run("quantize -m " + folder.path() + " --type q8_0 -o " + folder.file("out"));
  INFO(o.err);
  CHECK(o.code == 0);
  const size_t first = o.err.find("not known and not read: 'use_qk_norm'");
  REQUIRE(first != std::string::npos);
  CHECK(o.err.find("not known and not read", first + 1) == std::string::npos);
}
