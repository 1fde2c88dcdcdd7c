// Files beside results that hold none: left out by name, refused where nothing else is given.
#include "bench/report/documents.h"
#include "engine/base/check.h"
#include "tests/bench/program.h"
#include "tests/bench/report_results.h"

using namespace qwench;
using namespace qwench::bench::report;
using qwench::test::bench_result;

namespace {

const std::vector<double> kSlow = {98, 99, 100, 101, 102};

std::string refusal_of(const std::vector<std::string>& files) {
  try {
    load_documents(files);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("what is no result is left out with its name, unless nothing else is given") {
  const test::ScratchFolder scratch;
  const std::string result = scratch.write("bench.json", bench::to_text(bench_result("m", kSlow)));
  const std::pair<const char*, const char*> others[] = {
      {R"({"model": "m", "bits_per_weight": 4, "bytes_out": 1, "tensors": []})",
       "a report of `quantize`"},
      {R"({"traceEvents": []})", "a trace (`--trace`)"},
      {R"({"limits": {}, "recommended": null, "candidates": []})", "a prediction of `tune`"},
      {R"({"roofline": {}, "preflight": []})", "a report of `doctor`"},
      {R"({"command": "suites", "plan": []})", "a plan (`--plan`)"},
      {R"({"model_type": "qwen2", "hidden_size": 8})", "the config.json of a model"},
      {R"([{"name": "decode", "unit": "tokens/s", "value": 1}])", "github-action-benchmark"},
      {R"({"any": 1})", "a JSON object without the key `command`"}};
  for (const auto& [contents, words] : others) {
    const std::string what = words;
    INFO(what);
    const std::string other = scratch.write("other.json", contents);
    const std::vector<Document> documents = load_documents({other, result});
    REQUIRE(documents.size() == 1);
    REQUIRE(documents[0].notes.size() == 1);
    CHECK(documents[0].notes[0].find("other.json: left out: ") != std::string::npos);
    CHECK(documents[0].notes[0].find(what) != std::string::npos);
    CHECK(refusal_of({other}).find(what) != std::string::npos);
  }
  // A result that is spoiled is no other file.
  for (const char* contents : {R"({"command": "benhc"})", R"({"command": "bench"})", "{", ""})
    CHECK(refusal_of({scratch.write("spoiled.json", contents), result}) != "");
  CHECK(load_documents({scratch.write("memory.png", "x"), result}).size() == 1);
}

TEST_CASE("a folder of plain results is refused with what to give") {
  const test::ScratchFolder scratch;
  scratch.write("bench.json", bench::to_text(bench_result("m", kSlow)));
  CHECK(refusal_of({scratch.path()}).find(scratch.path() + "/*.json") != std::string::npos);
}
