// `qwench quantize`: what it writes is what quantising on load gives, however often it was
// interrupted; what it refuses leaves nothing behind.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "bench/quantize/job.h"
#include "bench/support/interrupt.h"
#include "engine/base/format_bytes.h"
#include "engine/checkpoint/quantized_folder.h"
#include "engine/config/config_json.h"
#include "engine/formats/format.h"
#include "program.h"
#include "tests/support/scratch.h"
#include "tests/support/test_model.h"

using namespace qwench;
using test::Outcome;
using test::run;
using test::ScratchFolder;

namespace {

namespace fs = std::filesystem;

const std::string kTiny = test::data_folder("text/qwen3-tied-bf16");
const std::string kUntied = test::data_folder("text/qwen2-untied-f32");
const std::string kOdd = test::data_folder("text/qwen2-odd-sizes-f32");
const std::string kWithText = test::data_folder("text-chat/qwen3-chat-bf16");
const std::string kText = std::string(QWENCH_SOURCE_DIR) + "/LICENSE";

std::vector<char> bytes_of(const Checkpoint& checkpoint, const TensorInfo& info) {
  std::vector<char> bytes(size_t(info.bytes()));
  checkpoint.read(info, 0, info.shape.count(), bytes.data());
  return bytes;
}

/// Every tensor of `path` is the one of `source` encoded as it would be on load.
void check_equals_on_load(const std::string& source_path, const std::string& path,
                          const std::map<std::string, DType>& types) {
  const auto source = open_checkpoint(source_path, {}), written = open_checkpoint(path, {});
  CHECK(written->config().parameters() == source->config().parameters());
  size_t matrices = 0;
  for (const TensorInfo& from : source->tensors()) {
    INFO(path, ": ", from.name);
    const TensorInfo* to = written->find(from.name);
    REQUIRE(to != nullptr);
    CHECK(to->shape == from.shape);
    if (from.shape.rank == 2) {
      REQUIRE(types.count(from.name));
      CHECK(to->dtype == types.at(from.name));
      ++matrices;
    } else {
      CHECK(to->dtype == DType::kF32);
    }
    std::vector<char> expected(size_t(to->bytes()));
    convert_rows(bytes_of(*source, from).data(), from.dtype, expected.data(), to->dtype,
                 from.rows(), from.cols());
    CHECK(bytes_of(*written, *to) == expected);
  }
  CHECK(matrices == types.size());
}

void check_runs_as_on_load(const std::string& model, const std::string& out, DType type) {
  LoadOptions on_load;
  on_load.as_stored = false, on_load.dtype = type;
  const std::vector<int32_t> prompt = {1, 5, 9, 2};
  CHECK(test::prompt_logits(test::TestModel(out), prompt, 4) ==
        test::prompt_logits(test::TestModel(model, "", 1, on_load), prompt, 4));
}

std::map<std::string, DType> expected_types(const std::string& model, DType layers) {
  std::map<std::string, DType> types;
  const std::unique_ptr<Checkpoint> checkpoint = open_checkpoint(model, {});
  for (const TensorInfo& t : checkpoint->tensors()) {
    const bool table = t.name == "model.embed_tokens.weight" || t.name == "lm_head.weight";
    if (t.shape.rank == 2) types[t.name] = table ? embedding_dtype(layers) : layers;
  }
  return types;
}

std::map<std::string, std::string> files_of(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder))
    files[entry.path().filename().string()] = read_file(entry.path().string(), 1 << 28);
  return files;
}

void check_refused(const std::string& arguments, const std::string& said, int code = 2) {
  const Outcome o = run("quantize " + arguments);
  INFO(arguments, "\n", o.err);
  CHECK(o.code == code);
  CHECK(o.err.find(said) != std::string::npos);
}

bench::QuantizeOptions calibrated_options(const std::string& out) {
  bench::QuantizeOptions o;
  o.model = kWithText, o.out = out, o.types = {"q4g"};
  o.calibration = kText, o.calibration_tokens = 2048, o.threads = 1;
  return o;
}

}  // namespace

TEST_CASE("a folder written as q8_0, q4_0 or q4g holds what quantising on load gives") {
  if (!test::available()) return;
  const ScratchFolder scratch;
  for (const std::string& model : {kTiny, kUntied}) {
    for (const DType type : {DType::kQ8_0, DType::kQ4_0, DType::kQ4G}) {
      const std::string out =
          scratch.file(fs::path(model).filename().string() + "-" + std::string(name_of(type)));
      const Outcome o =
          run("quantize -m " + model + " -o " + out + " --type " + std::string(name_of(type)));
      INFO(o.err);
      REQUIRE(o.code == 0);
      check_equals_on_load(model, out, expected_types(model, type));
      CHECK(!fs::exists(out + ".partial"));
      CHECK(open_checkpoint(out, {})->config().stored_dtype == type);
      if (model == kTiny) check_runs_as_on_load(model, out, type);
    }
  }
}

TEST_CASE("a GGUF file holds the same") {
  if (!test::available()) return;
  const ScratchFolder scratch;
  for (const DType type : {DType::kQ8_0, DType::kQ4_0, DType::kF16}) {
    const std::string out = scratch.file(std::string(name_of(type)) + ".gguf");
    const Outcome o =
        run("quantize -m " + kTiny + " -o " + out + " --type " + std::string(name_of(type)));
    INFO(o.err);
    REQUIRE(o.code == 0);
    check_equals_on_load(kTiny, out, expected_types(kTiny, type));
    CHECK(!fs::exists(out + ".partial"));
  }
  SUBCASE("and can be read to write a folder, byte for byte where the type is the same") {
    const std::string out = scratch.file("from-gguf");
    REQUIRE(run("quantize -m " + scratch.file("q8_0.gguf") + " -o " + out + " --type q8_0").code ==
            0);
    check_equals_on_load(kTiny, out, expected_types(kTiny, DType::kQ8_0));
  }
}

TEST_CASE("a folder written from a GGUF file runs text as the file does") {
  if (!test::available()) return;
  const ScratchFolder scratch;
  const std::string file =
      test::data_folder("quantized/gguf-qwen3-f16") + "/tiny-qwen3-instruct-f16.gguf";
  const std::string out = scratch.file("out"),
                    words = " --prompt 'the <|im_end|> tables' --new-tokens 8";
  const Outcome written = run("quantize -m " + file + " -o " + out + " --type q8_0 --json");
  INFO(written.err);
  REQUIRE(written.code == 0);
  CHECK(parse_json(written.out, "stdout").at("notes").empty());
  const Outcome from_file = run("run -m " + file + " --dtype q8_0 --greedy" + words);
  const Outcome from_folder = run("run -m " + out + " --greedy" + words);
  INFO(from_folder.err);
  REQUIRE(from_folder.code == 0);
  CHECK(!from_folder.out.empty());
  CHECK(from_folder.out == from_file.out);
  SUBCASE("also through a folder that holds the file alone") {
    fs::create_directory(scratch.file("in"));
    fs::copy_file(file, scratch.file("in/model.gguf"));
    REQUIRE(
        run("quantize -m " + scratch.file("in") + " -o " + scratch.file("again") + " --type q8_0")
            .code == 0);
    CHECK(files_of(scratch.file("again")) == files_of(out));
    const std::string gguf = scratch.file("again.gguf");
    REQUIRE(run("quantize -m " + scratch.file("in") + " -o " + gguf + " --type q8_0").code == 0);
    CHECK(run("run -m " + gguf + " --greedy" + words).out == from_file.out);
  }
}

TEST_CASE(
    "a GGUF file without a tokenizer, or with one that is not Qwen's, becomes a folder for ids") {
  if (!test::available()) return;
  const ScratchFolder scratch;
  REQUIRE(run("quantize -m " + kTiny + " -o " + scratch.file("f16.gguf") + " --type f16").code ==
          0);
  std::string bytes = read_file(scratch.file("f16.gguf"), 1 << 28);
  const auto quantized = [&](const char* model, const char* said) {
    scratch.write("other.gguf", bytes);
    const std::string out = scratch.file(std::string("out-") + model);
    const Outcome o =
        run("quantize -m " + scratch.file("other.gguf") + " -o " + out + " --type q8_0");
    INFO(o.err);
    REQUIRE(o.code == 0);
    CHECK(o.out.find(said) != std::string::npos);
    CHECK(o.out.find("token ids only") != std::string::npos);
    CHECK(!fs::exists(out + "/tokenizer.json"));
    CHECK(!fs::exists(out + "/generation_config.json"));
  };
  const size_t at = bytes.find("gpt2");
  REQUIRE(at != bytes.npos);
  bytes.replace(at, 4, "none");
  quantized("none", "the model has no tokenizer");
  bytes.replace(at, 4, "bert");
  quantized("bert", "expected 'gpt2' (byte-level BPE), got 'bert'");
}

TEST_CASE("exceptions by pattern, the last that matches; another type for embedding and head") {
  if (!test::available()) return;
  const ScratchFolder scratch;
  const std::string out = scratch.file("mixed");
  REQUIRE(run("quantize -m " + kUntied + " -o " + out +
              " --type q4g --type 'layers.*=q4_0' --type 'layers.*.down_proj=q8_0'"
              " --type layers.1.mlp.up_proj=f16 --embedding-type bf16")
              .code == 0);
  std::map<std::string, DType> types;
  for (const auto& [name, type] : expected_types(kUntied, DType::kBF16)) {
    types[name] = name.find("layers.") != name.npos ? DType::kQ4_0 : DType::kBF16;
    if (name.find("down_proj") != name.npos) types[name] = DType::kQ8_0;
  }
  types["model.layers.1.mlp.up_proj.weight"] = DType::kF16;
  check_equals_on_load(kUntied, out, types);
}

TEST_CASE("rows that are not whole blocks stay bf16, and the report says so") {
  if (!test::available()) return;
  const ScratchFolder scratch;
  const Outcome o =
      run("quantize -m " + kOdd + " -o " + scratch.file("odd") + " --type q4_0 --json");
  REQUIRE(o.code == 0);
  int64_t odd = 0;
  const Json report = parse_json(o.out, "stdout");
  for (const Json& tensor : report.at("tensors")) {
    if (!tensor.at("odd_rows").get<bool>()) continue;
    CHECK(tensor.at("to") == "bf16");
    ++odd;
  }
  CHECK(odd > 0);
  CHECK(!report.at("notes").empty());
}

TEST_CASE("random weights of a shape card become a GGUF file or a folder") {
  if (!test::available()) return;
  // the smallest card takes minutes here, so the card's path is taken up to the writing
  const ScratchFolder scratch;
  check_refused("-m qwen2.5-0.5b -o " + scratch.file("out") + " --type q4g --calibration " + kText,
                "random weights");
}

TEST_CASE("a run that is interrupted and resumed writes the same bytes as one that is not") {
  const ScratchFolder scratch;
  const std::string whole = scratch.file("whole"), halves = scratch.file("halves");
  {
    const bench::InterruptGuard guard;
    bench::QuantizeJob(calibrated_options(whole)).run();
  }
  {
    const bench::InterruptGuard guard;
    bench::QuantizeJob job(calibrated_options(halves));
    job.on_part = [](size_t parts) {
      if (parts == 2) std::raise(SIGINT);
    };
    CHECK_THROWS_AS(job.run(), Cancelled);
    CHECK(job.parts_done() == 2);
    CHECK(!fs::exists(halves));
  }
  const bench::InterruptGuard guard;
  bench::QuantizeOptions resumed = calibrated_options(halves);
  SUBCASE("with the same options") {
    resumed.resume = true;
    resumed.threads = 2;  // decides no byte
    const bench::QuantizeReport report = bench::QuantizeJob(resumed).run();
    CHECK(report.resumed_parts == 2);
    CHECK(files_of(halves) == files_of(whole));
    CHECK(!fs::exists(halves + ".partial"));
  }
  SUBCASE("without what an interrupted write left") {
    scratch.write("halves.partial/model.safetensors.index.json.part-12", "half");
    resumed.resume = true;
    bench::QuantizeJob(resumed).run();
    CHECK(files_of(halves) == files_of(whole));
  }
  SUBCASE("not while another program works in the folder") {
    resumed.resume = true;
    const bench::QuantizeJob other(resumed);
    CHECK_THROWS_WITH_AS(bench::QuantizeJob{resumed}, doctest::Contains("another program"), Error);
    resumed.resume = false, resumed.force = true;
    CHECK_THROWS_WITH_AS(bench::QuantizeJob{resumed}, doctest::Contains("another program"), Error);
  }
  SUBCASE("not with others") {
    CHECK_THROWS_AS(bench::QuantizeJob{resumed}, UsageError);  // neither --resume nor --force
    resumed.resume = true;
    resumed.types = {"q4_0"};
    CHECK_THROWS_WITH_AS(bench::QuantizeJob{resumed}, doctest::Contains("types"), UsageError);
  }
  SUBCASE("not with a part that has changed") {
    resumed.resume = true;
    const std::string part = halves + ".partial/model-00002-of-00004.safetensors";
    REQUIRE(fs::exists(part));
    std::fstream(part, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(-1, std::ios::end)
        .put('\x55');
    bench::QuantizeJob job(resumed);
    CHECK_THROWS_WITH_AS(job.run(), doctest::Contains("not those that were written"), Error);
  }
}

TEST_CASE("calibration is reported for every matrix of the layers") {
  if (!test::available()) return;
  const ScratchFolder scratch;
  const Outcome o = run("quantize -m " + kWithText + " -o " + scratch.file("q") +
                        " --type q4g --calibration " + kText + " --calibration-tokens 2048 --json");
  INFO(o.err);
  REQUIRE(o.code == 0);
  const Json report = parse_json(o.out, "stdout");
  CHECK(report.at("calibration").at("error_feedback") == true);
  CHECK(report.at("calibration").at("held_out_tokens").get<int64_t>() > 0);
  CHECK(report.at("bits_per_weight").get<double>() > 4.25);
  for (const Json& t : report.at("tensors")) {
    const std::string name = t.at("name");
    if (t.at("shape").size() != 2 || name.find("layers.") == name.npos) continue;
    INFO(name);
    const double kept = t.at("output_error").at(t.at("kept").get<std::string>());
    for (const char* rounding : {"plain", "importance", "feedback"})
      CHECK(kept <= t.at("output_error").at(rounding).get<double>());
  }
  CHECK(o.err.find("qwench accuracy") != std::string::npos);
  CHECK(fs::exists(scratch.file("q") + "/tokenizer.json"));
}

TEST_CASE("what cannot be done is refused before anything is written") {
  if (!test::available()) return;
  const ScratchFolder scratch;
  const std::string out = scratch.file("out"), start = "-m " + kTiny + " -o " + out;
  check_refused("-m " + kTiny + " -o '' --type q8_0", "name of a file");
  check_refused("-m " + kTiny + " -o " + out + ".gguf --type q4g", "q4_0 or q8_0");
  check_refused("-m " + kTiny + " -o " + out + ".gguf --type q4_0 --type 'layers.0.*=q4g'", "q4g");
  check_refused(start + " --type q4", "q4");
  check_refused(start + " --type 'layers.*=q8_0'", "a type for all");
  check_refused(start + " --type q8_0 --type q4_0", "one type");
  check_refused(start + " --type q8_0 --type 'layers.*.w1=q4_0'", "matches none");
  check_refused(start + " --type q8_0 --calibration /no/such/text", "/no/such/text");
  check_refused(start + " --type q8_0 --calibration " + kText, "tokenizer");
  check_refused(start + " --type q8_0 --resume", "--resume");
  check_refused("-m " + kTiny + " -o " + kTiny + " --type q8_0", "another name");
  check_refused("-m " + kTiny + " -o " + scratch.path() + "/no/such --type q8_0", "must exist", 1);
  CHECK(fs::is_empty(scratch.path()));
}

TEST_CASE("an output that is there is replaced only by --force, and only when it is one") {
  if (!test::available()) return;
  const ScratchFolder scratch;
  const std::string out = scratch.file("out"), command = "-m " + kTiny + " -o " + out;
  REQUIRE(run("quantize " + command + " --type q8_0").code == 0);
  check_refused(command + " --type q4_0", "--force");
  REQUIRE(run("quantize " + command + " --type q4_0 --force").code == 0);
  check_equals_on_load(kTiny, out, expected_types(kTiny, DType::kQ4_0));
  scratch.write("mine/letter.txt", "keep me");
  check_refused("-m " + kTiny + " -o " + scratch.file("mine") + " --type q8_0 --force", "wrote");
  CHECK(fs::exists(scratch.file("mine/letter.txt")));
  check_refused("-m " + kTiny + " -o " + scratch.file("mine") + " --type q8_0", "choose another");
  CHECK(run("quantize -m " + kTiny + " -o " + scratch.file("mine") + " --type q8_0")
            .err.find("--force") == std::string::npos);
}

TEST_CASE("what somebody put into an output or into what a run left is never removed") {
  if (!test::available()) return;
  const ScratchFolder scratch;
  const std::string out = scratch.file("out"), command = "-m " + kTiny + " -o " + out;
  REQUIRE(run("quantize " + command + " --type q8_0").code == 0);
  scratch.write("out/my_notes.txt", "keep me");
  check_refused(command + " --type q4_0 --force", "did not write: my_notes.txt");
  CHECK(fs::exists(scratch.file("out/my_notes.txt")));
  CHECK(open_checkpoint(out, {})->config().n_layers > 0);
  scratch.write("left.partial/quantize.json", "{}");
  scratch.write("left.partial/model-00001-of-00003.notes", "keep me");
  for (const char* option : {" --force", " --resume"})
    check_refused("-m " + kTiny + " -o " + scratch.file("left") + " --type q8_0" + option,
                  "model-00001-of-00003.notes besides");
  CHECK(fs::exists(scratch.file("left.partial/model-00001-of-00003.notes")));
}

TEST_CASE("a type is read in any case, and a wrong one is refused by the name of its option") {
  if (!test::available()) return;
  const ScratchFolder scratch;
  const std::string out = scratch.file("out"), command = "-m " + kTiny + " -o " + out;
  check_refused(command + " --type q8", "--type: expected f32");
  check_refused(command + " --type q8", "did you mean q8_0?");
  check_refused(command + " --type q8_0 --embedding-type q9", "--embedding-type: expected f32");
  const Outcome o = run("quantize " + command + " --type Q8_0");
  REQUIRE_MESSAGE(o.code == 0, o.err);
  check_equals_on_load(kTiny, out, expected_types(kTiny, DType::kQ8_0));
  int64_t bytes = 0;
  for (const auto& [name, content] : files_of(out)) bytes += int64_t(content.size());
  CHECK_MESSAGE(o.out.find("on disk " + format_bytes(bytes)) != std::string::npos, o.out);
}

TEST_CASE("a folder of ours whose configuration and tensors disagree is refused by name") {
  if (!test::available()) return;
  const ScratchFolder scratch;
  const std::string out = scratch.file("out");
  REQUIRE(run("quantize -m " + kTiny + " -o " + out + " --type q4g").code == 0);
  const Json good = parse_json_file(out + "/config.json");
  const std::string name = "model.layers.0.mlp.up_proj.weight";
  const auto refused = [&](Json config, const std::string& said) {
    scratch.write("out/config.json", config.dump());
    CHECK_THROWS_WITH_AS(open_checkpoint(out, {}), doctest::Contains(said.c_str()), Error);
  };
  Json config = good;
  config["quantization_config"]["matrices"][name] = "q8_0";
  refused(config, "whole blocks of q8_0");
  config = good;
  config["quantization_config"]["matrices"][name] = "bf16";
  refused(config, name);
  config = good;
  config["quantization_config"]["matrices"]["model.layers.9.mlp.up_proj.weight"] = "q4g";
  refused(config, "layers.9");
  config = good;
  config["quantization_config"]["matrices"][name] = "q5_9";
  refused(config, "q5_9");
  config = good;
  config["quantization_config"]["version"] = 2;
  refused(config, "version");
  config = good;
  config["quantization_config"]["matrices"]["model.embed_tokens.weight"] = "q4_0";
  refused(config, "model.embed_tokens.weight");
}

TEST_CASE("the configuration written for a model that has none of its own reads back the same") {
  for (const char* card : {"qwen2.5-0.5b", "qwen3-0.6b", "qwen3-32b"}) {
    const ModelConfig a = open_checkpoint(card, {})->config();
    const ModelConfig b = read_model_config(Json::parse(config_json_of(a).dump()), card);
    CHECK(config_json_of(a) == config_json_of(b));
    CHECK(a.parameters() == b.parameters());
    CHECK(a.rope.theta == b.rope.theta);
    CHECK(a.eos_ids == b.eos_ids);
  }
  ModelConfig yarn = open_checkpoint(test::data_folder("text/qwen2-yarn-f32"), {})->config();
  const ModelConfig again = read_model_config(config_json_of(yarn), "yarn");
  CHECK(config_json_of(yarn) == config_json_of(again));
  CHECK(again.rope.type == RopeType::kYarn);
}
