// `--isa base`: every command runs without a kernel of any instruction set beyond the processor's first, and what
// it computes is what transformers computed.
#include "engine/base/json.h"
#include "tests/bench/program.h"
#include "tests/support/test_model.h"

using namespace qwench::test;
using qwench::Json;
using qwench::parse_json;

namespace {

const std::string kFolder = data_folder("text/qwen3-tied-bf16");
const std::string kModel = " -m " + kFolder + " -t 1 --isa base ";

/// The ids as --tokens takes them.
std::string joined(const std::vector<int32_t>& ids) {
  std::string text;
  for (const int32_t id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

Json document(const std::string& arguments) {
  const Outcome o = run(arguments);
  REQUIRE_MESSAGE(o.code == 0, arguments << ": " << o.err);
  return parse_json(o.out, "stdout");
}

bool names_an_instruction_set(const Json& kernel) {
  return kernel.get<std::string>().find("_avx") != std::string::npos;
}

}  // namespace

TEST_CASE("--isa base gives the tokens of transformers") {
  if (!available()) return;
  const std::vector<int32_t> expected = expected_ints(kFolder, "greedy_ids");
  const Json got =
      document("run" + kModel + "--greedy --json -n " + std::to_string(expected.size()) +
               " --tokens " + joined(expected_ints(kFolder, "input_ids")));
  CHECK(got["ids"].get<std::vector<int32_t>>() == expected);
}

TEST_CASE("--isa base is within the bounds of accuracy, and any other kernel that is forced too") {
  if (!available()) return;
  const Outcome o =
      run("accuracy --isa base -t 1 --max-tokens 256 --generate 8 --candidate base: --candidate "
          "eigen:kernel.linear=eigen");
  CHECK_MESSAGE(o.code == 0, o.out << o.err);
}

TEST_CASE(
    "--isa base runs no kernel of an instruction set and says why, whatever the type of weights") {
  if (!available()) return;
  for (const char* dtype : {"bf16", "f32", "q8_0", "q4_0", "q4g"}) {
    const Json result =
        document("bench" + kModel + "-p 4 -n 2 --runs 1 --json --dtype " + std::string(dtype));
    CHECK(result["config"]["isa"] == "base");
    size_t ops = 0;
    for (const Json& row : result["rows"])
      for (const Json& op : row["ops"]) {
        ++ops;
        CHECK_MESSAGE(!names_an_instruction_set(op["kernel"]), op["op"] << " " << op["kernel"]);
      }
    CHECK(ops > 6);
  }
#if defined(__x86_64__)
  const Outcome list = run("run" + kModel + "--kernel list");
  CHECK(list.out.find("AVX2 is left out (--isa base)") != std::string::npos);
  check_usage_error("run" + kModel + "--tokens 1 -n 1 --kernel swiglu=f32_polyexp_avx2",
                    "--isa base");
#endif
}

TEST_CASE("--isa takes three names, and a saved result brings its own") {
  if (!available()) return;
  check_usage_error("run --isa sse", "native,avx2,base");
  const Outcome help = run("run --help");
  CHECK(help.out.find("base") != std::string::npos);
  const ScratchFolder folder;
  const std::string file = folder.file("result.json");
  document("bench" + kModel + "-p 4 -n 2 --runs 1 --json --output " + file);
  CHECK(document("bench --config " + file + " --json")["config"]["isa"] == "base");
  Json changed = qwench::parse_json_file(file);
  changed["config"]["isa"] = "sse";
  const Outcome wrong = run("bench --config " + folder.write("wrong.json", changed.dump()));
  CHECK(wrong.err.find("isa: expected native, avx2, base, got 'sse'") != std::string::npos);
}
