// The program as scripts see it: exit codes, what is said, and what goes to which stream.
#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "engine/base/json.h"
#include "tests/bench/program.h"

using namespace qwench::test;

namespace {
const std::string kTiny = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";
}  // namespace

TEST_CASE("help and version succeed and print to stdout") {
  if (!available()) return;
  CHECK(run("--help").code == 0);
  CHECK(run("run --help").out.find("--tokens") != std::string::npos);
  CHECK(run("--version").out.rfind("qwench ", 0) == 0);
  CHECK(run("help").out == run("--help").out);
  CHECK(run("help run").out == run("run --help").out);
  CHECK(run("models").out.find("qwench-tiny") != std::string::npos);
}

TEST_CASE("anything wrong with the command line exits with 2 and says what would be right") {
  if (!available()) return;
  check_usage_error("bnech", "did you mean bench?");
  check_usage_error("run --tokns 1", "not expected: --tokns 1; did you mean --tokens?");
  check_usage_error("-m " + kTiny + " chat", "options come after the command: qwench chat -m");
  check_usage_error("chat --ask hi", "--ask is an option of `run`");
  check_usage_error("chat some/folder", "a model is -m: qwench chat -m MODEL");
  check_usage_error("run hello", "a question is --ask");
  check_usage_error("run -m " + kTiny, "--ask, --prompt, --file, --messages and --tokens");
  check_usage_error("run -m " + kTiny + " --tokens 1 --prompt x", "several");
  setenv("QWENCH_MODELS", "/no/such/folder", 1);
  check_usage_error("run --tokens 1", "-m");
  check_usage_error("chat", "/no/such/folder");
  check_usage_error("accuracy", "QWENCH_MODELS");
  unsetenv("QWENCH_MODELS");
  check_usage_error("run -m " + kTiny + " --tokens 1,x", "'x'");
  check_usage_error("run -m " + kTiny + " --tokens ''", "at least one token");
  check_usage_error("run -m " + kTiny + " --tokens 1,99999", "99999");
  check_usage_error("run -m " + kTiny + " --prompt hello", "tokenizer");
  check_usage_error("run -m " + kTiny + " --tokens 1 --kernel linear=nonsense", "nonsense");
  check_usage_error("run -m " + kTiny + " --tokens 1 --kernel nonsense=eigen", "nonsense");
  check_usage_error("run -m " + kTiny + " --tokens 1 --backend cuda", "not built");
  check_usage_error("run -m " + kTiny + " --tokens 1 --dtype q4", "q4");
  check_usage_error("run -m " + kTiny + " --tokens 1 -t 0", "0");
  check_usage_error("run -m " + kTiny + " --tokens 1,2 -n 4 --ctx 3", "--ctx");
  check_usage_error("run -m qwen3-0.6 --tokens 1", "qwen3-0.6b");
  check_usage_error("run -m /no/such/folder --tokens 1", "/no/such/folder");
  check_usage_error("bench -m " + kTiny + " -b 1,2,x", "'x'");
  check_usage_error("bench -m " + kTiny + " -p 0 -n 0", "-p, -n");
  check_usage_error("kernels --op linaer", "did you mean linear?");
  check_usage_error("kernels --baseline nonsense", "nonsense");
  check_usage_error("tokenize -m " + kTiny + " x", "tokenizer");
}

TEST_CASE(
    "--device is --backend in every command, and what is not there is said with what there is") {
  if (!available()) return;
  const ScratchFolder folder;
  const std::string model = " -m " + kTiny + " ";
  const std::string monitor = "monitor --count 1 --history " + folder.file("history.jsonl");
  const std::vector<std::string> commands = {
      "run --tokens 1", "chat",          "bench", "accuracy --gradients",
      "inspect",        "compare a: b:", monitor};
  for (const std::string& command : commands) {
    CAPTURE(command);
    const std::string words = command + model;
    check_usage_error(words + "--device tpu", "expected cpu, cuda, metal or auto, got 'tpu'");
    check_usage_error(words + "--device cuda", "--backend cuda: not built");
    check_usage_error(words + "--device mps", "--backend metal: not built");
    check_usage_error(words + "--device cpu --backend cpu", "--backend");
  }
  const Outcome automatic = run("run --tokens 1 -n 1 --json --device auto" + model);
  REQUIRE_MESSAGE(automatic.code == 0, automatic.err);
  CHECK(qwench::parse_json(automatic.out, "stdout")["stats"]["backend"] == "cpu");
}

TEST_CASE("run --json prints one document; greedy text is null without a tokenizer") {
  if (!available()) return;
  const Outcome o = run("run -m " + kTiny + " --tokens 1,2,3 -n 4 --greedy --ignore-eos --json");
  REQUIRE(o.code == 0);
  const qwench::Json json = qwench::parse_json(o.out, "stdout");
  CHECK(json["prompt_ids"] == qwench::Json::array({1, 2, 3}));
  CHECK(json["ids"].size() == 4);
  CHECK(json["text"].is_null());
  for (const char* key : {"prompt_tokens", "generated_tokens", "prefill_tokens_per_second",
                          "decode_tokens_per_second", "ttft_ns", "peak_rss_bytes", "backend"})
    CHECK_MESSAGE(json["stats"].contains(key), key);
  CHECK(o.err.find("tokens/s") != std::string::npos);
}

TEST_CASE("what was not measured is null: no token, no time to it") {
  if (!available()) return;
  const Outcome o = run("run -m " + kTiny + " --tokens 1 -n 0 --greedy --json");
  REQUIRE(o.code == 0);
  const qwench::Json stats = qwench::parse_json(o.out, "stdout")["stats"];
  CHECK(stats["ttft_ns"].is_null());
  CHECK(stats["decode_tokens_per_second"].is_null());
}

TEST_CASE("--kernel list names every op, with and without a model") {
  if (!available()) return;
  for (const std::string& arguments : {std::string("bench"), "run -m " + kTiny}) {
    const Outcome o = run(arguments + " --kernel list");
    CHECK(o.code == 0);
    for (const char* op : {"embed", "norm_qkv", "attention", "argmax", "swiglu"})
      CHECK_MESSAGE(o.out.find(op) != std::string::npos, op);
  }
}

TEST_CASE("bench --json holds a prefill and a decode row whose ops explain the run") {
  if (!available()) return;
  const Outcome o = run("bench -m " + kTiny + " -p 64 -n 8 -d 16 -b 2 --runs 2 -t 1 --json");
  REQUIRE(o.code == 0);
  const qwench::Json json = qwench::parse_json(o.out, "stdout");
  REQUIRE(json["rows"].size() == 2);
  CHECK(json["rows"][0]["phase"] == "prefill");
  CHECK(json["rows"][1]["phase"] == "decode");
  CHECK(json["rows"][1]["batch"] == 2);
  CHECK(json["rows"][1]["depth"] == 16);
  for (const qwench::Json& row : json["rows"]) {
    int64_t ns = 0;
    for (const qwench::Json& op : row["ops"]) ns += op["ns"].get<int64_t>();
    CHECK(ns > 0);
    CHECK(ns <= row["ops_wall_ns"].get<int64_t>());
    CHECK(row["output_hash"].get<std::string>().size() == 16);
  }
}

TEST_CASE("run --trace writes spans of ops within layers within phases") {
  if (!available()) return;
  const ScratchFolder folder;
  const std::string file = folder.file("trace.json");
  const Outcome o =
      run("run -m " + kTiny + " --tokens 1,2,3 -n 2 --greedy --ignore-eos --trace " + file);
  REQUIRE(o.code == 0);
  CHECK(o.err.find("events") != std::string::npos);
  const qwench::Json json = qwench::parse_json_file(file);
  std::map<std::string, int> spans;
  double of_ops = 0, of_phases = 0;
  std::map<std::string, std::string> names;
  for (const qwench::Json& e : json["traceEvents"]) {
    if (e["ph"] == "M") names[e["name"]] = e["args"]["name"];
    if (e["ph"] == "M") continue;
    CHECK(e["ph"] == "X");
    CHECK(e["ts"].get<double>() >= 0);
    ++spans[e["cat"].get<std::string>()];
    if (e["cat"] == "op" && e["args"]["kernel"] != "composed") of_ops += e["dur"].get<double>();
    if (e["cat"] == "phase") of_phases += e["dur"].get<double>();
  }
  CHECK(names["process_name"].rfind("qwench ", 0) == 0);
  CHECK(names["thread_name"] == "model");
  CHECK(spans["phase"] == 2);  // prefill, then the decode steps without a break
  CHECK(spans["layer"] >= 2 * 2);
  CHECK(spans["op"] > 20);
  CHECK(of_ops <= of_phases);
  CHECK(json["otherData"]["dropped"] == 0);
}

TEST_CASE("kernels shows every row of an op, measured or with the reason why not") {
  if (!available()) return;
  const Outcome o =
      run("kernels --op linear --dtype f16 --shape 64x96 --tokens 1 -t 1 --seconds 0.01 --json");
  CHECK(o.code == 0);
  const qwench::Json document = qwench::parse_json(o.out, "stdout");
  int measured = 0, refused = 0;
  for (const qwench::Json& row : document.at("rows"))
    ++(row.at("refused").is_null() ? measured : refused);
  CHECK(measured >= 2);  // eigen and reference at least
  CHECK(measured + refused == 16);
}
