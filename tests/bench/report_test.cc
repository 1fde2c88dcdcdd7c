// The report: field names that scripts rely on, and percentages that follow their definition.
#include "bench/sweep/report.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "bench/model/logits_file.h"
#include "engine/base/json.h"
#include "tests/support/scratch.h"

using namespace qwench;
using namespace qwench::bench;

namespace {

BenchRow row_of(Phase phase) {
  BenchRow row;
  row.threads = 2;
  row.result.phase = phase;
  row.result.batch = 4, row.result.depth = 16, row.result.n_tokens = 8;
  row.result.tokens_per_second = summarize({100, 120, 110});
  row.result.ttft_ns = summarize({5000, 6000, 7000});
  row.result.wall_ns = row.result.ops_wall_ns = 1'000'000'000;
  row.result.ops = {{"linear", "eigen", 3, 900'000'000, {40'000'000'000, 20'000'000'000}}};
  row.result.memory.add(MemoryKind::kWeights, 100);
  row.result.memory.add(MemoryKind::kWeights, -40);
  row.roofline.dram_read.per_second = 40e9;
  row.roofline.fp32_fma.per_second = 160e9;
  return row;
}

BenchReport report_of(Phase phase) {
  BenchReport report;
  report.model = "tiny, \"odd\"", report.dtype = "bf16", report.kv_dtype = "f32";
  report.backend = "cpu";
  report.config = {{"seed", 1}};
  report.rows.push_back(row_of(phase));
  return report;
}

}  // namespace

TEST_CASE("decode is a percent of the read bandwidth, prefill of the fp32 FMA peak") {
  CHECK(percent_of_roofline(row_of(Phase::kDecode)) == doctest::Approx(50));
  CHECK(percent_of_roofline(row_of(Phase::kPrefill)) == doctest::Approx(25));
}

TEST_CASE("a row has every field that scripts read, ttft_ns in prefill rows only") {
  const BenchReport report = report_of(Phase::kPrefill);
  const OrderedJson row = row_json(report, report.rows[0]);
  for (const char* key :
       {"model", "dtype", "backend", "threads", "batch", "depth", "phase", "tokens_per_second",
        "ttft_ns", "percent_of_roofline", "memory", "ops", "n_tokens", "wall_ns"})
    CHECK_MESSAGE(row.contains(key), key);
  CHECK(row["phase"] == "prefill");
  CHECK(row["tokens_per_second"]["median"] == 110.0);
  CHECK(row["ttft_ns"] == 6000);
  CHECK(row["memory"]["weights"]["now"] == 60);
  CHECK(row["memory"]["weights"]["peak"] == 100);
  for (const char* key : {"op", "kernel", "calls", "ns", "bytes", "flops"})
    CHECK_MESSAGE(row["ops"][0].contains(key), key);
  const BenchReport decode = report_of(Phase::kDecode);
  CHECK(!row_json(decode, decode.rows[0]).contains("ttft_ns"));
}

TEST_CASE("the document has its four blocks and no host or user name") {
  const OrderedJson json = report_json(report_of(Phase::kDecode));
  CHECK(json["schema_version"] == kSchemaVersion);
  CHECK(json["environment"].contains("cpu"));
  CHECK(json["config"]["seed"] == 1);
  CHECK(json["rows"].size() == 1);
  CHECK(!json["environment"]["os"].contains("host"));
}

TEST_CASE("CSV has one line per row, a quoted name stays one cell") {
  const std::string csv = report_csv(report_of(Phase::kDecode));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 2);
  CHECK(csv.find("\"tiny, \"\"odd\"\"\",bf16,f32,cpu,2,4,16,decode,8,") != std::string::npos);
}

TEST_CASE("the text ends every op table with the part of the wall time that its ops explain") {
  const std::string text = report_text(report_of(Phase::kDecode));
  CHECK(text.find("sum / wall") != std::string::npos);
  CHECK(text.find("90.0") != std::string::npos);
}

TEST_CASE("logits written in chunks are one safetensors tensor") {
  const test::ScratchFolder folder;
  const std::string path = folder.file("logits.safetensors");
  const float values[6] = {1, 2, 3, 4, 5, 6};
  LogitsFile file(path, 3, 2);
  file.append(0, 1, values);
  file.append(1, 2, values + 2);
  file.close();
  const std::string bytes = read_file(path, 1 << 20);
  const size_t header = static_cast<unsigned char>(bytes[0]) | static_cast<unsigned char>(bytes[1])
                                                                   << 8;
  CHECK((8 + header) % 8 == 0);
  const Json json = parse_json(bytes.substr(8, bytes.find('}', 8 + 1) + 2 - 8), path);
  CHECK(json["logits"]["dtype"] == "F32");
  CHECK(json["logits"]["shape"] == Json::array({3, 2}));
  CHECK(bytes.size() == 8 + header + sizeof values);
  CHECK(std::memcmp(bytes.data() + 8 + header, values, sizeof values) == 0);
}
