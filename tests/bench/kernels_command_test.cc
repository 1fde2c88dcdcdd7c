// `qwench kernels` as scripts see it, and what says which kernels a model's ops run.
#include <doctest/doctest.h>

#include "bench/kernels/kernel_list.h"
#include "bench/kernels/kernel_report.h"
#include "engine/base/json.h"
#include "tests/bench/program.h"

using namespace qwench;
using namespace qwench::test;
using bench::KernelReport;

namespace {

const std::string kTiny = QWENCH_SOURCE_DIR "/tests/data/text/qwen3-tied-bf16";

/// One kernel of one op, timed: 1e6 bytes and 4e6 operations in 1 ms, on a machine of 1 GB/s and 10 Gop/s.
KernelReport report_of(bool cold, double read_per_second) {
  KernelReport report;
  report.op = id_of<LinearArgs>(), report.config = OrderedJson::object();
  report.settings.cold = cold, report.settings.baseline = "reference", report.settings.threads = 1;
  report.roofline.dram_read.per_second = read_per_second;
  report.roofline.fp32_fma.per_second = 1e10;
  bench::ContestRow row;
  row.kernel = "own", row.ns = bench::summarize({1e6}), row.cost = {4'000'000, 1'000'000};
  report.results.push_back({OpSizes(), row});
  return report;
}

}  // namespace

TEST_CASE("a part of the roofline is of what the kernel needs, and above it there is none") {
  const KernelReport cold = report_of(true, 2e9), hot = report_of(false, 2e9);
  CHECK(*percent_of_roofline(cold, cold.results[0].row) == doctest::Approx(50));
  CHECK(*percent_of_roofline(hot, hot.results[0].row) == doctest::Approx(40));
  CHECK_FALSE(above_ceilings(cold));
  CHECK(report_json(cold)["rows"][0]["percent_of_roofline"] == doctest::Approx(50));
  const KernelReport busy = report_of(true, 0.5e9);
  CHECK(above_ceilings(busy));
  CHECK(report_json(busy)["rows"][0]["percent_of_roofline"].is_null());
  CHECK(report_json(busy)["rows"][0]["above_ceilings"] == true);
  CHECK(report_text(busy).find("another program had the machine") != std::string::npos);
  CHECK(report_text(cold).find("another program had the machine") == std::string::npos);
}

TEST_CASE("a ratio without a verdict says why: 1 is within its interval, noise, or too few runs") {
  const auto text_of = [](const std::vector<double>& ratios, const std::vector<double>& control) {
    KernelReport report = report_of(true, 2e9);
    report.results[0].row.against_baseline = bench::compare_paired(ratios, control, {});
    return report_text(report);
  };
  const std::vector<double> same(20, 1.0), twice(20, 2.0), few(6, 2.0);
  std::vector<double> around = same, noisy(20, 3.0);
  for (size_t i = 0; i < around.size(); ++i) around[i] = i % 2 ? 0.9 : 1.1;
  const auto has = [](const std::string& text, const char* sign, const char* meaning) {
    INFO(text);
    CHECK(text.find(sign) != std::string::npos);
    CHECK(text.find(meaning) != std::string::npos);
  };
  has(text_of(around, same), "1.00x [0.90, 1.10] =", "\n=: not separated from the baseline");
  has(text_of(twice, noisy), "2.00x [2.00, 2.00] ~", "\n~: not separated from the baseline");
  has(text_of(few, std::vector<double>(6, 1.0)), "2.00x [2.00, 2.00] ?", "\n?: too few runs");
  has(text_of({0.03}, {1.0}), "0.03x ?", "\n?: too few runs");
  const std::string separated = text_of(twice, same);
  for (const char* sign : {"] =", "] ~", "] ?", "\n=:", "\n~:", "\n?:"})
    CHECK_MESSAGE(separated.find(sign) == std::string::npos, separated);
}

TEST_CASE("kernels writes a table, CSV or JSON, and the JSON document into a file besides") {
  if (!available()) return;
  const ScratchFolder folder;
  const std::string file = folder.file("kernels.json");
  const std::string command =
      "kernels --op linear --dtype f16,q8_0 --shape 64x96 --tokens 1 -t 1 --seconds 0.01 --cache "
      "hot ";
  const Outcome csv = run(command + "--csv --output " + file);
  REQUIRE_MESSAGE(csv.code == 0, csv.err);
  const Json document = parse_json_file(file);
  size_t lines = 0;
  for (const char c : csv.out) lines += c == '\n';
  CHECK(lines == document["rows"].size() + 1);
  CHECK(csv.out.rfind("op,kernel,plugin,dtype,shape,tokens,threads,state,reason,ns_median", 0) ==
        0);
  CHECK(csv.out.find("\nlinear,reference,,f16,64x96,1,1,timed,,") != std::string::npos);
  const Outcome text = run(command);
  CHECK(text.out.find("vs: how many times as fast as the baseline") != std::string::npos);
  if (text.out.find("] =") != std::string::npos)
    CHECK(text.out.find("=: not separated from the baseline") != std::string::npos);
  check_usage_error(command + "--csv --json", "--csv");
}

TEST_CASE("kernels shows the sizes and types that an op has, and takes no others") {
  if (!available()) return;
  const std::string quick = " --tokens 2 -t 1 --seconds 0.01 --cache hot --json ";
  const Outcome attention = run("kernels --op attention --depth 5 --kv-dtype f16" + quick);
  REQUIRE_MESSAGE(attention.code == 0, attention.err);
  const Json row = parse_json(attention.out, "stdout")["rows"][0];
  CHECK(row["dtype"] == "f16");
  CHECK(row["shape"] == "14 heads of 64 on 2, 5 before");
  CHECK(row["out"].is_null());
  const Json norm = parse_json(run("kernels --op rms_norm" + quick).out, "stdout")["rows"][0];
  CHECK(norm["dtype"].is_null());
  CHECK(norm["shape"] == "896");
  const Json qkv =
      parse_json(run("kernels --op norm_qkv -m " + kTiny + quick).out, "stdout")["rows"][0];
  CHECK(qkv["dtype"] == "bf16");
  CHECK(qkv["shape"] ==
        std::to_string(qkv["out"].get<int>()) + "x" + std::to_string(qkv["in"].get<int>()));
  check_usage_error("kernels --op attention --dtype q4_0", "attention has no weights");
  check_usage_error("kernels --op attention --shape 64x64", "--heads");
  check_usage_error("kernels --op linear --heads 3", "linear has no heads");
}

TEST_CASE("the kernels of embedding and head are those of the type that these are held in") {
  if (!available()) return;
  const Outcome list = run("run -m " + kTiny + " --dtype q4_0 -t 1 --kernel list");
  REQUIRE_MESSAGE(list.code == 0, list.err);
  const Outcome benched = run("bench -m " + kTiny + " --dtype q4_0 -t 1 -p 4 -n 2 --runs 1 --json");
  REQUIRE_MESSAGE(benched.code == 0, benched.err);
  const Json json = parse_json(benched.out, "stdout");
  for (const Json& op : json["rows"][0]["ops"])
    for (const Json& choice : json["kernels"]["prefill"])
      if (choice["op"] == op["op"] && choice["kernel"] != "composed")
        CHECK(choice["kernel"] == op["kernel"]);
}

TEST_CASE("inspect lists tensors in the type that --dtype holds them in") {
  if (!available()) return;
  const auto tensor = [](const std::string& options, const std::string& name) {
    const Json json = parse_json(run("inspect --json -m " + kTiny + options).out, "stdout");
    for (const Json& t : json["tensors"])
      if (t["name"] == name) return t;
    return Json();
  };
  const std::string q_proj = "model.layers.0.self_attn.q_proj.weight";
  CHECK(tensor("", q_proj)["dtype"] == "bf16");
  CHECK(tensor(" --dtype q4_0", q_proj)["dtype"] == "q4_0");
  CHECK(tensor(" --dtype q4_0", q_proj)["stored"] == "bf16");
  CHECK(tensor(" --dtype q4_0", "model.embed_tokens.weight")["dtype"] == "q8_0");
  CHECK(tensor(" --dtype q4_0", "model.norm.weight")["dtype"] == "f32");
}
