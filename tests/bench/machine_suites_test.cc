// The suites of the machine and of the work done with it: sound figures of a real model, and reasons in
// their place where something cannot be measured.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "bench/machine/memory_levels.h"
#include "bench/suites/findings.h"
#include "bench/suites/machine_suites.h"
#include "bench/suites/synthetic_corpus.h"
#include "bench/suites/weight_files.h"
#include "engine/base/check.h"
#include "tests/support/scratch.h"

using namespace qwench;
using namespace qwench::bench;
using qwench::test::ScratchFolder;

namespace {

namespace fs = std::filesystem;
const std::string kTiny = QWENCH_SOURCE_DIR "/models/qwench-tiny";
const std::string kMute = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";  // no tokenizer

SuiteOptions quick(const std::string& model) {
  SuiteOptions options;
  options.model.model = model, options.model.threads = 2;
  options.runs = 2, options.quick = true;
  return options;
}

const Figure* find(const SuiteResult& result, const std::string& name) {
  for (const Figure& f : result.figures)
    if (f.name == name) return &f;
  return nullptr;
}

double median_of(const SuiteResult& result, const std::string& name) {
  const Figure* f = find(result, name);
  INFO(name);
  REQUIRE(f);
  REQUIRE(f->summary);
  return f->summary->median;
}

std::string reason_of(const SuiteResult& result, const std::string& name) {
  const Figure* f = find(result, name);
  INFO(name);
  REQUIRE(f);
  CHECK(!f->summary);
  return f->missing;
}

/// Every figure has a value or a reason, every criterion its figure, and no name comes twice.
void check_sound(const SuiteResult& result) {
  std::set<std::string> names;
  for (const Figure& f : result.figures) {
    INFO(f.name);
    CHECK(names.insert(f.name).second);
    CHECK(!f.unit.empty());
    CHECK(f.summary.has_value() == f.missing.empty());
    if (!f.summary) continue;
    CHECK(!f.summary->values.empty());
    for (double v : f.summary->values) CHECK(std::isfinite(v));
    const bool may_be_zero = f.name == "op_accounting" || f.unit == "percent" || f.unit == "count";
    if (!may_be_zero) CHECK(f.summary->min > 0);
  }
  CHECK(!result.criteria.empty());
  for (const Criterion& c : result.criteria) {
    INFO(c.name);
    const Figure* f = find(result, c.name);
    REQUIRE(f);
    CHECK(!c.expected.empty());
    CHECK(c.value.has_value() == f->summary.has_value());
    if (!c.value) CHECK(c.outcome == Outcome::kUnknown);
    if (!c.value) CHECK(!c.note.empty());
  }
  CHECK(result.details.is_object());
  CHECK(!result.interrupted);
}

}  // namespace

TEST_CASE("a criterion is judged by the median, and out of reach is not failed") {
  SuiteFindings found;
  found.measured("speed", "tokens/s", {9, 10, 30});
  found.measured("nothing", "ns", {});
  found.at_least("speed", ">= 10", 10);
  found.at_least("speed", "> 20", 20);
  found.at_least("speed", "> 20", 20, 15.0);
  found.at_most("speed", "< 5", 5, 8.0);
  found.at_most("nothing", "< 1", 1);
  const std::vector<Criterion>& c = found.result.criteria;
  CHECK(c[0].outcome == Outcome::kPass);
  CHECK(c[1].outcome == Outcome::kFail);
  CHECK(c[2].outcome == Outcome::kUnreachable);
  CHECK(*c[2].ceiling_percent == doctest::Approx(133.3).epsilon(0.001));
  CHECK(c[3].outcome == Outcome::kUnreachable);
  CHECK(c[4].outcome == Outcome::kUnknown);
  CHECK(c[4].note == "nothing was measured");
}

TEST_CASE("the machine's suites measure qwench-tiny") {
  const SuiteOptions options = quick(kTiny);
  SuiteContext context(options);

  const SuiteResult files = storage(context);
  check_sound(files);
  CHECK(median_of(files, "load_read_warm") < median_of(files, "load_warm"));
  CHECK(files.details["bytes"].get<int64_t>() > 2'000'000);

  const SuiteResult bandwidth = memory_bandwidth(context);
  check_sound(bandwidth);
  for (const char* name : {"dram_read_one_thread", "dram_write_one_thread", "dram_copy_all_threads",
                           "dram_triad_all_threads", "decode_bandwidth"})
    CHECK(median_of(bandwidth, name) > 1e8);

  const SuiteResult patterns = access_pattern(context);
  check_sound(patterns);
  CHECK(median_of(patterns, "dram_latency") > median_of(patterns, "dram_sequential_access"));
  // Walked again and again from one place, memory would look like a cache.
  CHECK(find(patterns, "dram_latency")->summary->min >
        2 * find(patterns, patterns.details["working_set_bytes"].begin().key() + "_latency")
                ->summary->min);
  CHECK(find(patterns, "dram_stride_4096_access"));

  const SuiteResult overhead = tensor_overhead(context);
  check_sound(overhead);
  CHECK(median_of(overhead, "op_dispatch") < 100e3);
  CHECK(median_of(overhead, "tokenizer_encode") > 1e3);
  // six calls a layer, embed, norm_logits, argmax
  CHECK(overhead.details["ops_per_token"].get<double>() == 6 * 4 + 3);
}

TEST_CASE("the pipeline and retrieval say what they measured and what they extrapolated") {
  const SuiteOptions options = quick(kTiny);
  SuiteContext context(options);
  const SuiteResult pipeline = document_pipeline(context);
  check_sound(pipeline);
  REQUIRE(pipeline.details["tasks"].size() == 4);
  const Figure* items = find(pipeline, "classification_item");
  REQUIRE(items);
  CHECK(median_of(pipeline, "classification_total") ==
        doctest::Approx(1000 * mean(items->summary->values)));
  CHECK(pipeline.details["tasks"][0]["of"] == 1000);
  CHECK(pipeline.details["tasks"][0]["measured"] == items->summary->values.size());
  CHECK(pipeline.criteria[0].note.find("of 1000, extrapolated") != std::string::npos);

  const SuiteResult answers = retrieval(context);
  check_sound(answers);
  CHECK(answers.details["vectors"] == 1000);
  CHECK(median_of(answers, "chunk_finds_itself") == 100);
  CHECK(median_of(answers, "simple_response") <= median_of(answers, "simple_answer"));
}

TEST_CASE("without a tokenizer text becomes one id a word, and nothing is said of a tokenizer") {
  const SuiteOptions options = quick(kMute);
  SuiteContext context(options);
  const SuiteResult pipeline = document_pipeline(context);
  check_sound(pipeline);
  CHECK(pipeline.details["tokenizer"].get<std::string>().find("none") != std::string::npos);
  check_sound(retrieval(context));
  const SuiteResult overhead = tensor_overhead(context);
  check_sound(overhead);
  CHECK(reason_of(overhead, "tokenizer_encode").find("no tokenizer") != std::string::npos);
}

TEST_CASE("a shape card has no file to read, and nothing is loaded to find that out") {
  const SuiteOptions options = quick("qwen3-32b");
  SuiteContext context(options);
  const SuiteResult files = storage(context);
  check_sound(files);
  for (const char* name : {"sequential_read_warm", "sequential_read_cold", "load_cold"})
    CHECK(reason_of(files, name) == "a shape card has no file");
}

TEST_CASE("files that vanish or are none end with an error that names them, or a reason") {
  const ScratchFolder folder;
  for (const char* name : {"config.json", "model.safetensors"})
    fs::copy(kMute + "/" + name, folder.file(name));
  const SuiteOptions options = quick(folder.path());
  SuiteContext context(options);
  context.checkpoint();
  const std::string weights = folder.file("model.safetensors");
  REQUIRE(fs::remove(weights));
  CHECK(reason_of(storage(context), "load_warm").find("no weight file") != std::string::npos);
  fs::create_directory(weights);
  CHECK_THROWS_WITH_AS(storage(context), doctest::Contains("model.safetensors"), Error);
}

TEST_CASE("what the page cache does not forget is not called cold") {
  if (storage_device("/dev/shm")["file_system"] != "tmpfs") {
    MESSAGE("skipped: /dev/shm is no tmpfs here");
    return;
  }
  const std::string path = "/dev/shm/qwench-test-" + std::to_string(getpid());
  const auto cleanup = std::shared_ptr<void>(nullptr, [&](void*) { fs::remove(path); });
  { FileWriter(path).close(); }
  {
    FileWriter file(path);
    const std::string data(1 << 16, 'x');
    file.write(data.data(), int64_t(data.size()));
    file.close();
  }
  std::vector<File> files;
  files.emplace_back(path);
  CHECK(cached_part(files.front()).value_or(1) > 0.99);
  CHECK(drop_from_cache(files).find("stayed in the page cache") != std::string::npos);
  CHECK(read_sequentially(files, 1 << 20).bytes == 1 << 16);
  CHECK(read_randomly(files, 4096, 100, 1).size() == 16);
  CHECK(read_randomly(files, 1 << 20, 100, 1).empty());
}

TEST_CASE("all shards of a split model are its weight files") {
  const ScratchFolder folder;
  for (const char* name : {"m-00001-of-00002.gguf", "m-00002-of-00002.gguf",
                           "x-00001-of-00003.gguf", "other.gguf", "config.json"})
    folder.write(name, "x");
  CHECK(open_weight_files(folder.file("m-00001-of-00002.gguf")).size() == 2);
  CHECK(open_weight_files(folder.file("other.gguf")).size() == 1);
  CHECK(open_weight_files(folder.path()).size() == 4);
  CHECK(open_weight_files("qwen3-0.6b").empty());
}

TEST_CASE("every suite of the machine has a row that says what it does") {
  for (const Suite& s :
       {storage_suite(), memory_bandwidth_suite(), access_pattern_suite(), tensor_overhead_suite(),
        suitability_suite(), document_pipeline_suite(), retrieval_suite()}) {
    const auto same = [&](const Suite& row) { return row.name == s.name; };
    CHECK(std::count_if(suites().begin(), suites().end(), same) == 1);
    CHECK(bool(s.run));
    CHECK(!s.method.empty());
  }
}

TEST_CASE("documents depend on their seed alone, and questions hold words of them") {
  const std::string one = synthetic_document(1, 60);
  CHECK(one == synthetic_document(1, 60));
  CHECK(one != synthetic_document(2, 60));
  CHECK(std::count(one.begin(), one.end(), ' ') >= 55);
  const std::string question = synthetic_question(1, one, 8);
  const std::string name = one.substr(0, one.find('.')).substr(one.rfind(' ', one.find('.')) + 1);
  CHECK(question.find(name) != std::string::npos);
  const TextIds ids(nullptr, 100);
  CHECK(ids.encode("a b a") ==
        std::vector<int32_t>{ids.encode("a")[0], ids.encode("b")[0], ids.encode("a")[0]});
}

TEST_CASE("levels hold what fits into them, innermost first") {
  const std::vector<MemoryLevel> levels = memory_levels();
  CHECK(levels.back().name == "dram");
  CHECK(level_of(int64_t(1) << 50, 1) == "dram");
  CHECK(level_of(1, 1) == levels.front().name);
  for (const MemoryLevel& level : levels)
    if (level.capacity && !level.shared) CHECK(working_set(level, 1) <= level.capacity);
}
