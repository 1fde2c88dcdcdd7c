// `qwench accuracy` as scripts see it: exit codes, fields, messages.
#include <doctest/doctest.h>

#include <cstdlib>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "tests/bench/program.h"
#include "tests/support/scratch.h"

using namespace qwench::test;
using qwench::Json;

namespace {

const std::string kChat = QWENCH_SOURCE_DIR "/tests/data/text-chat/qwen3-chat-bf16";
const std::string kText =
    "A first document, made of a few words and of a few more.\n\n"
    "A second one. It has two sentences.\n\nAnd the third: 1 2 3 4 5 6 7 8 9 10.\n";

/// A folder with the text, and the options that every call has.
struct Scene {
  ScratchFolder folder;
  std::string text = folder.write("text.txt", kText);
  std::string common = "accuracy -m " + kChat + " --text " + text + " --window 24 -t 1 ";
};

Json document(const Outcome& o) { return qwench::parse_json(o.out, "stdout"); }

}  // namespace

TEST_CASE("accuracy --json has the fields that scripts read") {
  if (!available()) return;
  const Scene s;
  const Outcome o =
      run(s.common + "--candidate half:dtype=f16 --candidate ref:kernel=reference --json");
  REQUIRE_MESSAGE(o.code == 0, o.err);
  const Json json = document(o);
  CHECK(json["schema_version"] == 1);
  CHECK(json["environment"].contains("cpu"));
  CHECK(json["reference"]["perplexity"].is_number_float());
  const int64_t ids = json["text"]["ids"], windows = json["text"]["windows"];
  CHECK(json["reference"]["tokens"] == ids - windows);
  CHECK(json["text"]["documents"] == 3);
  CHECK(json["floor"]["kld"]["max"] == 0.0);
  CHECK(json["floor"]["threads"] != json["reference"]["threads"]);
  REQUIRE(json["candidates"].size() == 2);
  for (const Json& c : json["candidates"]) {
    for (const char* key :
         {"name", "perplexity", "kld", "top1", "verdicts", "layers", "logits_nmse", "ppl_ratio",
          "generation", "stability", "configuration", "memory", "delta_p", "pass", "summary"})
      CHECK_MESSAGE(c.contains(key), key);
    for (const char* key : {"mean", "median", "p90", "p95", "p99", "p999", "max"})
      CHECK_MESSAGE(c["kld"][key].is_number(), key);
    const double mean = c["kld"]["mean"];
    CHECK(c["kld"]["mean_lo"].get<double>() <= mean);
    CHECK(c["kld"]["mean_hi"].get<double>() >= mean);
    for (const char* key : {"value", "lo", "hi"})
      CHECK_MESSAGE(c["ppl_ratio"][key].is_number(), key);
    REQUIRE(!c["verdicts"].empty());
    for (const Json& v : c["verdicts"])
      for (const char* key : {"metric", "value", "limit", "pass"})
        CHECK_MESSAGE(v.contains(key), key);
    for (const char* key : {"layer", "max_abs_error", "rms_error", "cosine", "relative_l2"})
      CHECK_MESSAGE(c["layers"][0].contains(key), key);
  }
  CHECK(json["candidates"][0]["name"] == "half");
  CHECK(json["candidates"][0]["dtype"] == "f16");
  CHECK(json["candidates"][1]["kld"]["max"] == 0.0);
  CHECK(json["pass"] == true);
}

TEST_CASE("the tables of accuracy explain their words, and list every limit that is judged by") {
  if (!available()) return;
  const Scene s;
  const Outcome o = run(s.common + "--candidate q:dtype=q4_0");
  INFO(o.out);
  for (const char* word : {"RMS dp: ", "fp16 headroom: ", "noise floor: ", "margin there: "})
    CHECK_MESSAGE(o.out.find(word) != std::string::npos, word);
  CHECK(o.out.find("own weights through reference kernels, as for 8 bits: nonfinite <= 0, "
                   "layer_relative_l2 <= 0.03") != std::string::npos);
}

TEST_CASE("a damaged candidate exits with 3 and the report names the layer") {
  if (!available()) return;
  const Scene s;
  for (int layer = 0; layer < 2; ++layer) {
    const Outcome o = run(s.common + "--no-floor --generate 0 --candidate damaged:inject.layer=" +
                          std::to_string(layer) + ",inject.noise=0.05");
    CHECK(o.code == 3);
    const std::string said = "damaged: FAIL, layer " + std::to_string(layer) + ": relative error ";
    CHECK_MESSAGE(o.out.find(said) != std::string::npos, o.out);
  }
}

TEST_CASE("a candidate that makes NaN exits with 3, not with an error") {
  if (!available()) return;
  const Scene s;
  const Outcome o =
      run(s.common + "--no-floor --json --candidate nan:inject.layer=0,inject.noise=1e39");
  CHECK(o.code == 3);
  const Json c = document(o)["candidates"][0];
  CHECK(c["perplexity"].is_null());
  CHECK(c["failure"].get<std::string>().find("nonfinite") != std::string::npos);
  CHECK(c["stability"]["nan"].get<int64_t>() + c["stability"]["inf"].get<int64_t>() > 0);
}

TEST_CASE("weights that are damaged until they make NaN fail with that said, not with an error") {
  if (!available()) return;
  const Scene s;
  const ScratchFolder scratch;
  const std::string file = scratch.file("damaged.gguf");
  REQUIRE(run("quantize -m " + kChat + " -o " + file + " --type q4_0").code == 0);
  std::string bytes = qwench::read_file(file, 1 << 28);
  for (size_t i = bytes.size() / 2; i < bytes.size(); ++i) bytes[i] = '\x7f';
  scratch.write("damaged.gguf", bytes);
  const Outcome o = run(s.common + "--no-floor --generate 0 --candidate d:model=" + file);
  CHECK_MESSAGE(o.code == 3, o.err);
  CHECK_MESSAGE(
      o.out.find("d: reference kernels make NaN or Inf of its weights too") != std::string::npos,
      o.out);
  CHECK_MESSAGE(o.out.find("d: FAIL, ") != std::string::npos, o.out);
}

TEST_CASE("a tolerance decides over the exit code") {
  if (!available()) return;
  const Scene s;
  CHECK(run(s.common + "--no-floor --generate 0 --tolerance kld_max=0").code == 3);
  CHECK(run(s.common +
            "--no-floor --generate 0 --candidate d:inject.layer=0,inject.noise=0.05 "
            "--tolerance layer_relative_l2=1 --tolerance logits_nmse=1 --tolerance "
            "kld_mean=9 --tolerance kld_max=9 --tolerance top1=0 --tolerance ppl_ratio=9")
            .code == 0);
}

TEST_CASE("what is wrong on the command line of accuracy exits with 2") {
  if (!available()) return;
  const Scene s;
  check_usage_error(s.common + "--candidate a:dtpye=f16", "did you mean dtype?");
  check_usage_error(s.common + "--candidate a:inject.layer=9,inject.noise=1", "expected 0 to 1");
  check_usage_error(s.common + "--candidate a: --candidate a:dtype=f16", "'a' twice");
  check_usage_error(s.common + "--candidate reference:", "'reference' twice");
  check_usage_error(s.common + "--candidate a:kernel.linear=nonsense", "nonsense");
  check_usage_error(s.common + "--candidate a:model=/no/such/folder", "/no/such/folder");
  check_usage_error(s.common + "--tolerance kld=1", "kld_mean");
  check_usage_error(s.common + "--window 1", "--window");
  check_usage_error(s.common + "--dump a --against b", "one of them");
  check_usage_error(s.common + "--dump a --candidate b:", "--reference only");
  check_usage_error(s.common + "--gradient-golden a", "--gradients");
  check_usage_error("accuracy -m " + kChat, "--text FILE");
  check_usage_error("accuracy -m qwen3-0.6b --text " + s.text, "tokenizer");
}

TEST_CASE("what is wrong with a text exits with 1 and says what was expected") {
  if (!available()) return;
  const Scene s;
  const std::string start = "accuracy -m " + kChat + " --text ";
  for (const std::string& file : {s.folder.write("empty.txt", ""), s.folder.write("one.txt", "a"),
                                  s.folder.path(), s.folder.file("missing.txt")}) {
    const Outcome o = run(start + file);
    CHECK_MESSAGE(o.code == 1, o.err);
    CHECK(o.out.empty());
    CHECK(o.err.find(file) != std::string::npos);
  }
}

TEST_CASE("a reference written to a file gives the figures of one in memory") {
  if (!available()) return;
  const Scene s;
  const std::string file = s.folder.file("reference.safetensors");
  const std::string candidate = "--candidate d:inject.layer=1,inject.noise=0.2 --json";
  REQUIRE(run(s.common + "--dump " + file).code == 0);
  const Outcome with = run(s.common + "--no-floor " + candidate);
  const Outcome against = run(s.common + "--against " + file + " " + candidate);
  CHECK(with.code == 3);
  CHECK(against.code == 3);
  const Json a = document(with), b = document(against);
  CHECK(b["kld_is_lower_bound"] == true);
  CHECK(b["reference"]["tokens"] == a["reference"]["tokens"]);
  const auto near = [](const Json& x, const Json& y) {
    CHECK(x.get<double>() == doctest::Approx(y.get<double>()).epsilon(1e-5));
  };
  near(b["reference"]["perplexity"], a["reference"]["perplexity"]);
  const Json &ca = a["candidates"][0], &cb = b["candidates"][0];
  near(cb["perplexity"], ca["perplexity"]);
  CHECK(cb["top1"] == ca["top1"]);
  CHECK(cb["kld"]["mean"].get<double>() <= ca["kld"]["mean"].get<double>() * (1 + 1e-6));
  CHECK(cb["kld"]["mean"].get<double>() > 0);
  const Outcome other =
      run("accuracy -m " + kChat + " --text " + s.folder.write("other.txt", kText + "more") +
          " --window 24 --against " + file);
  CHECK(other.code == 1);
  CHECK(other.err.find(file) != std::string::npos);
}

TEST_CASE("the default model is looked for in QWENCH_MODELS, and its heldout.txt is the text") {
  if (!available()) return;
  const ScratchFolder models;
  std::filesystem::copy(kChat, models.file("qwench-tiny"));
  models.write("qwench-tiny/heldout.txt", kText);
  setenv("QWENCH_MODELS", models.path().c_str(), 1);
  const Outcome o = run("accuracy --window 24 -t 1 --no-floor --generate 0 --json");
  const Outcome generated = run("run --tokens 1,2 -n 2 --greedy");
  unsetenv("QWENCH_MODELS");
  CHECK_MESSAGE(o.code == 0, o.err);
  CHECK(o.err.find("no -m: using " + models.path()) != std::string::npos);
  CHECK(document(o)["config"]["model"] == "qwench-tiny");
  CHECK(document(o)["text"]["file"] == "heldout.txt");
  CHECK(generated.code == 0);
}

TEST_CASE("golden folders need no model and no text") {
  if (!available()) return;
  const Outcome o =
      run("accuracy --golden " QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32 --json");
  CHECK_MESSAGE(o.code == 0, o.err);
  CHECK(document(o)["golden"].size() == 2);
}
