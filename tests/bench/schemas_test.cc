// Every JSON document that the program writes is as its file in bench/schemas says, and every file is of a document
// that the program writes.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <sstream>

#include "tests/bench/program.h"
#include "tests/bench/schema_check.h"

using namespace qwench;
using namespace qwench::test;

namespace {

/// A document that a run leaves: on stdout, or in a file below the scratch folder.
struct Written {
  std::string schema;
  std::string file = "";  // "": stdout
  bool lines = false;     // one document a line
};

struct Row {
  std::string arguments;  // @ stands for the scratch folder
  std::vector<Written> documents;
  std::string input = "";  // stdin, from a file in it
  int code = 0;
};

#define TINY "-m " QWENCH_SOURCE_DIR "/models/qwench-tiny "
#define NO_TOKENIZER "-m " QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32 "
#define SHORT_TEXT "--max-tokens 24 --window 24 --generate 2 "
#define HELD_OUT "--text " QWENCH_SOURCE_DIR "/models/qwench-tiny/heldout.txt "

/// In an order in which a row may read what those before it wrote.
const std::vector<Row> kRows = {
    {"bench " TINY "-t 1 -p 4 -n 2 --runs 2 --warmup 0 --energy --energy-idle 0s --json"
     " --samples @/samples.jsonl --output @/bench.json",
     {{"bench"}, {"bench", "bench.json"}, {"bench_sample", "samples.jsonl", true}}},
    {"bench " TINY "-t 1 -p 4 -n 2 --plan --json", {{"bench_plan"}}},
    {"bench " NO_TOKENIZER "-t 1 --quick --duration 0.05 --output @/suites",
     {{"suites", "suites/all_benchmark_results.json"},
      {"suites", "suites/system_benchmark_results.json"},
      {"headline", "suites/benchmark_results.json"},
      {"suites_line", "suites/suites.jsonl", true}}},
    {"bench " TINY "-t 1 --quick --json --specific-tests latency accuracy quality --output @/text",
     {{"suites"}, {"suites_line", "text/suites.jsonl", true}}},
    {"bench " TINY "-t 1 --quick --plan --json --specific-tests latency", {{"suites_plan"}}},
    {"accuracy " TINY SHORT_TEXT "--candidate a:dtype=q4g,inject.layer=1,inject.noise=0.1 " HELD_OUT
     "--tasks --limit 2 --gradients --json --output @/accuracy.json",
     {{"accuracy"}, {"accuracy", "accuracy.json"}},
     "",
     3},
    {"accuracy " TINY SHORT_TEXT "--dump @/reference --json", {{"accuracy"}}},
    {"accuracy " TINY SHORT_TEXT "--against @/reference --json", {{"accuracy"}}},
    {"accuracy --golden " QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32 --json",
     {{"accuracy"}}},
    {"compare " TINY "-t 1 -p 4 -n 2 --rounds 6 a: b:kernel.linear=eigen,inject.delay=0.1 --json"
     " --output @/compare.json --output-dir @/each",
     {{"compare"}, {"compare", "compare.json"}}},
    {"kernels --op linear --dtype f16 --shape 64x64 --tokens 1 -t 1 --seconds 0.01 --json"
     " --output @/kernels.json",
     {{"kernels"}, {"kernels", "kernels.json"}}},
    {"regress --baseline @/bench.json --current @/bench.json --json", {{"regress"}}},
    {"regress --baseline @/none.json --allow-missing --json", {{"regress"}}},
    {"run " TINY "-t 1 --prompt hi -n 2 --json", {{"run"}}},
    {"run " NO_TOKENIZER "-t 1 --tokens 1,2 -n 2 --json", {{"run"}}},
    {"inspect " TINY "--json", {{"inspect"}}},
    {"doctor " TINY "-t 1 --json", {{"doctor"}}},
    {"doctor --hints --json", {{"doctor_hints"}}},
    {"monitor " TINY "-t 1 -n 2 --count 2 --interval 20ms --history @/history.jsonl --json"
     " --energy --energy-idle 0s --output @/monitor.json",
     {{"monitor"}, {"monitor", "monitor.json"}, {"history_line", "history.jsonl", true}}},
    {"tune -t 1 --quick --ttft 500ms --json", {{"tune"}}},
    {"score @/lines.jsonl --json --metric letters='wc -c'", {{"score"}}},
    {"tokenize " TINY "--jsonl", {{"tokenize", "", true}}, "lines.jsonl"},
    {"quantize " TINY "-o @/q.gguf --type q4_0 --report @/quantize.json --json",
     {{"quantize"}, {"quantize", "quantize.json"}}},
    {"report @/history.jsonl --json @/report.json", {{"report", "report.json"}}},
    {"report @/bench.json @/suites/all_benchmark_results.json @/compare.json @/accuracy.json"
     " @/kernels.json @/history.jsonl --json @/whole.json",
     {{"report", "whole.json"}}},
};

std::string in_folder(std::string text, const ScratchFolder& scratch) {
  for (size_t at; (at = text.find('@')) != std::string::npos;) text.replace(at, 1, scratch.path());
  return text;
}

Outcome run_row(const Row& row, const ScratchFolder& scratch) {
  const std::string arguments = in_folder(row.arguments, scratch);
  if (row.input.empty()) return run(arguments);
  std::istringstream words(arguments);
  return run_with_input({std::istream_iterator<std::string>(words), {}},
                        read_file(scratch.file(row.input), 1 << 20));
}

std::vector<Json> documents_of(const std::string& text, bool lines, const std::string& where) {
  if (!lines) return {parse_json(text, where)};
  std::vector<Json> documents;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) documents.push_back(parse_json(line, where));
  return documents;
}

/// What every row left: schema and document.
using Documents = std::vector<std::pair<std::string, Json>>;

/// Runs the table once; every case of this file looks at the same documents.
const Documents& written() {
  static const Documents all = [] {
    Documents found;
    const ScratchFolder scratch;
    scratch.write("lines.jsonl", R"({"text": "a b", "prediction": "a b", "reference": "a c"})"
                                 "\n");
    for (const Row& row : kRows) {
      const Outcome o = run_row(row, scratch);
      INFO(row.arguments);
      INFO(o.err);
      REQUIRE(o.code == row.code);
      for (const Written& w : row.documents) {
        const std::string text =
            w.file.empty() ? o.out : read_file(scratch.file(w.file), int64_t(1) << 24);
        const std::vector<Json> documents = documents_of(text, w.lines, row.arguments);
        CHECK(!documents.empty());
        for (const Json& document : documents) found.emplace_back(w.schema, document);
      }
    }
    for (const auto& file : std::filesystem::directory_iterator(scratch.file("each")))
      found.emplace_back("compare", parse_json_file(file.path().string()));
    return found;
  }();
  return all;
}

/// Places of documents, each kind once: pointers that differ in indices only are of one kind, and of
/// objects that have the same members in several places (summaries) the first place stands for all.
struct Places {
  std::set<std::string> kinds;
  std::map<std::string, std::string> place_of;  // by names of members
  std::vector<Json::json_pointer> pointers;     // of the document that is looked at

  void add(const Json& json, const Json::json_pointer& at, const std::string& kind) {
    if (kind == "/documents/*/document") return;  // results in a report have their own schemas
    if (kinds.insert(kind).second) pointers.push_back(at);
    if (json.is_array())
      for (size_t i = 0; i < json.size(); ++i) add(json[i], at / i, kind + "/*");
    if (!json.is_object() || place_of.emplace(members_of(json), kind).first->second != kind) return;
    for (const auto& [key, member] : json.items()) add(member, at / key, kind + "/" + key);
  }

  static std::string members_of(const Json& object) {
    std::string names;
    for (const auto& [key, member] : object.items()) names += key + " ";
    return names;
  }
};

/// Long lists cut, of numbers more than of objects, so that checking a copy for every place takes seconds.
Json shortened(Json json) {
  if (json.is_array()) {
    const size_t most = !json.empty() && json[0].is_structured() ? 12 : 3;
    while (json.size() > most) json.erase(json.size() - 1);
  }
  if (json.is_structured())
    for (Json& member : json) member = shortened(std::move(member));
  return json;
}

}  // namespace

TEST_CASE("every document is as its schema says") {
  if (!available() || !schemas_available()) return;
  for (const auto& [name, document] : written()) {
    const std::string schema = name;
    INFO(schema);
    CHECK(schema_violation(document, schema) == "");
  }
}

TEST_CASE("every schema is of a document that the program writes, or a part of one") {
  std::set<std::string> used;
  for (const Row& row : kRows)
    for (const Written& w : row.documents)
      for (const std::string& name : schemas_used_by(w.schema)) used.insert(name);
  CHECK(used == schema_names());
}

TEST_CASE("a value of another type and an unknown member are refused wherever they are") {
  if (!available() || !schemas_available()) return;
  const Json odd = {{"surplus", Json::array({Json::array()})}};  // no schema has such a thing
  std::map<std::string, Places> places;
  for (const auto& [name, whole] : written()) {
    const std::string schema = name;
    if (schema == "suites") continue;  // large, and suites_line has the same
    const Json document = shortened(whole);
    CHECK(schema_violation(document, schema) == "");
    const std::string suite = schema == "suites_line" ? document["result"]["suite"] : Json("");
    Places& of = places[schema + suite];
    of.pointers.clear();
    of.add(document, Json::json_pointer(), "");
    for (const Json::json_pointer& at : of.pointers) {
      INFO(schema << " " << at.to_string());
      Json spoiled = document;
      spoiled[at] = odd;
      CHECK(schema_violation(spoiled, schema) != "");
      if (!document[at].is_object()) continue;
      spoiled = document;
      spoiled[at].update(odd);
      CHECK(schema_violation(spoiled, schema) != "");
    }
  }
}

TEST_CASE("a missing member, a word beyond the list and a number out of form are refused") {
  if (!available() || !schemas_available()) return;
  struct Fault {
    std::string schema, at;
    Json value = {};  // null: the member is removed
  };
  const Fault faults[] = {
      {"bench", "/environment"},
      {"bench", "/environment/tool/git_hash"},
      {"bench", "/rows/0/tokens_per_second/ci95"},
      {"bench", "/rows/0/phase", "warm"},
      {"bench", "/rows/0/output_hash", "0x1"},
      {"bench", "/rows/0/ops/0/calls", 1.5},
      {"bench", "/rows/0/tokens_per_second/ci95", Json::array({1})},
      {"bench", "/schema_version", 2},
      {"bench", "/command", "kernels"},
      {"suites", "/suites/0/details/total_samples"},
      {"suites", "/suites/0/criteria/0/outcome", "passed"},
      {"suites", "/suites/0/suite", "latency"},  // with the details of another one
      {"suites", "/suites/0/error", "failed"},   // with details
      {"accuracy", "/candidates/0/verdicts/0/bound", "below"},
      {"accuracy", "/pass"},
      {"compare", "/pairs/0/noise_floor"},
      {"compare", "/configurations/0/dtype"},
      {"kernels", "/rows/0/refused"},
      {"monitor", "/samples/0/response_time_ns"},
      {"report", "/sections/0/columns/0/kind", "colour"},
      {"report", "/charts"},
  };
  for (const Fault& fault : faults) {
    INFO(fault.schema << " " << fault.at);
    const auto of = std::find_if(written().begin(), written().end(),
                                 [&](const auto& w) { return w.first == fault.schema; });
    REQUIRE(of != written().end());
    Json spoiled = of->second;
    const Json::json_pointer at(fault.at);
    REQUIRE(spoiled.contains(at));
    if (fault.value.is_null())
      spoiled[at.parent_pointer()].erase(at.back());
    else
      spoiled[at] = fault.value;
    CHECK(schema_violation(spoiled, fault.schema) != "");
  }
}
