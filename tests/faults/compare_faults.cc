// What `compare` and the suite `comparative` conclude of two configurations.
#include "engine/base/json.h"
#include "tests/faults/planted_fault.h"

namespace qwench::test {

namespace {

const std::string kModel = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";
const std::string kPlugins = QWENCH_BUILD_DIR "/tests/plugins/";
const std::string kBase = "compare -m " + kModel + " -t 1 --rounds 1 --prefill-chunk 4 ";
const std::string kOnce = kBase + "-p 8 -n 2 ";
const std::string kBatch = kBase + "-p 0 -n 2 -b 8 ", kTwo = kBase + "-p 8 -n 0 -b 2 ";
/// Keys and values are a large part of the memory.
const std::string kLong = "compare -m " + kModel + " -t 1 --rounds 1 -p 8 -n 0 -d 6000 ";
/// Rounds that separate arms of which one takes ten times as long, and hardly ever equals.
const std::string kSeparate =
    "compare -m " + kModel + " -t 1 --rounds 20 --alpha 1e-5 -p 8 -n 0 --json ";

/// The verdict on b, and whether its outputs are right, in the JSON of `compare`.
std::function<Conclusion()> verdict(const std::string& arguments) {
  return [arguments] {
    const Outcome outcome = run(arguments);
    const Json json = parse_json(outcome.out, "stdout");
    return Conclusion{outcome.code, json["pairs"][0]["verdict"].get<std::string>()};
  };
}

/// "pass" or "fail" of the first target that begins so.
std::function<Conclusion()> target(const std::string& arguments, const std::string& begin) {
  return [arguments, begin] {
    const Outcome outcome = run(arguments + " --json --targets");
    const Json document = parse_json(outcome.out, "stdout");
    for (const Json& t : document["targets"])
      if (t["target"].get<std::string>().rfind(begin, 0) == 0)
        return Conclusion{outcome.code, t["passed"].get<bool>() ? "pass" : "fail"};
    return Conclusion{outcome.code, "no such target"};
  };
}

/// `a` as it is; b with a kernel of a plug-in.
std::string with_plugin(const std::string& plugin, const std::string& op = "linear") {
  return "a: b:plugin=" + kPlugins + plugin + ".so,kernel." + op + "=own ";
}

PlantedFault output_fault(const char* fault, const std::string& faulty, Conclusion expected,
                          const std::string& sound = with_plugin("sound"),
                          const std::string& command = kOnce) {
  return {"compare: b computes what a computes",
          fault,
          program(command + sound),
          program(command + faulty),
          {0, "within the limit"},
          std::move(expected)};
}

/// A criterion of the suite with a plug-in's kernel: its outcome, and why.
std::function<Conclusion()> criterion(const std::string& name, const std::string& plugin) {
  return [name, plugin] {
    const Outcome outcome = run("bench --specific-tests comparative --quick --json -m " + kModel +
                                " -t 1 --kernel linear=own --plugin " + kPlugins + plugin + ".so");
    const Json document = parse_json(outcome.out, "stdout");
    for (const Json& c : document["suites"][0]["criteria"])
      if (c["name"] == name)
        return Conclusion{outcome.code,
                          c["outcome"].get<std::string>() + ": " + c["note"].get<std::string>()};
    return Conclusion{outcome.code, "no such criterion"};
  };
}

PlantedFault suite_fault(const char* fault, const std::string& plugin, const char* said) {
  return {"comparative: logits_relative_error passes",
          fault,
          criterion("logits_relative_error", "sound"),
          criterion("logits_relative_error", plugin),
          {0, "pass: "},
          {0, said}};
}

}  // namespace

FaultTable compare_faults() {
  return {
      {"compare: nothing separates b from a",
       "every op of b takes ten times as long",
       verdict(kSeparate + "a: b:"),
       verdict(kSeparate + "a: b:inject.delay=900%"),
       {0, "not_separated"},
       {0, "worse"}},
      {"compare: b is better",
       "b computes something else",
       verdict(kSeparate + "a:inject.delay=900% b:"),
       verdict(kSeparate + "a:inject.delay=900% b:inject.layer=0,inject.noise=0.5"),
       {0, "better"},
       {3, "wrong"}},
      {"compare: b is better",
       "b is as fast",
       verdict(kSeparate + "a:inject.delay=900% b:"),
       verdict(kSeparate + "a: b:"),
       {0, "better"},
       {0, "not_separated"}},
      {"compare: --margin 10 hides any difference",
       "the margin is 0",
       verdict(kSeparate + "--margin 10 a: b:inject.delay=900%"),
       verdict(kSeparate + "--margin 0 a: b:inject.delay=900%"),
       {0, "not_separated"},
       {0, "worse"}},
      {"compare: --alpha is a chance",
       "it is NaN",
       program(kOnce + "a: b: --alpha 0.01"),
       program(kOnce + "a: b: --alpha nan"),
       {0, ""},
       {2, "--alpha"}},
      output_fault("b doubles its result for more than one row", with_plugin("prefill_only"),
                   {3, "WRONG in prefill"}),
      output_fault("b doubles its result for one row", with_plugin("decode_only"),
                   {3, "WRONG in prefill, decode"}),  // the last row of a prefill is one, too
      output_fault("b goes wrong at its three thousandth call", with_plugin("wrong_late"),
                   {3, "WRONG in"}),
      {"compare: b computes what a computes",
       "b always chooses the first id",
       program(kOnce + with_plugin("sound", "argmax")),
       program(kOnce + with_plugin("first_id", "argmax")),
       {0, "the same bits"},
       {3, "argmax chooses id 0"}},
      output_fault("b doubles its result for a batch of eight", with_plugin("batch_of_8"),
                   {3, "WRONG in decode"}, with_plugin("sound"), kBatch),
      output_fault("b is wrong from the second chunk on", with_plugin("second_chunk", "rope"),
                   {3, "WRONG in prefill"}, with_plugin("sound", "rope")),
      output_fault("b ignores biases", with_plugin("ignores_bias"),
                   {3, "WRONG in prefill, decode"}),
      output_fault("b makes NaN", with_plugin("makes_nan"), {3, "nothing was timed"}),
      output_fault("a layer of b is damaged", "a: b:inject.layer=1,inject.noise=0.02",
                   {3, "the same weights, f32 inputs"}),
      output_fault("b is wrong for both prompts", with_plugin("prefill_only"),
                   {3, "WRONG in prefill"}, with_plugin("sound"), kTwo),
      output_fault("b crashes", with_plugin("aborts"), {1, "kernel own of linear: called abort()"}),
      output_fault("b never ends", with_plugin("hangs") + "--plugin-timeout 0.3",
                   {1, "did not end within 0.3 s"}),
      output_fault("b throws", with_plugin("throws", "rms_norm"), {1, "b: plug-in throws 1.0"}),
      output_fault("b gives a code of failure", with_plugin("fails", "rms_norm"),
                   {1, "failed with code 7"}),
      output_fault("b exits with 0", with_plugin("exits"), {1, "ended the program with exit()"}),
      {"compare: b has the bits of a",
       "its norms are composed",
       program(kOnce + "a: b:threads=1"),
       program(kOnce + "a: b:kernel.rms_norm=reference"),
       {0, "the same bits"},
       {0, "within the limit"}},
      {"compare: b differs as other weights do",
       "it is damaged besides",
       program(kOnce + "a: b:dtype=q4_0"),
       program(kOnce + "a: b:dtype=q4_0,inject.layer=1,inject.noise=3"),
       {0, "within the limit"},
       {3, "other weights (f32, q4_0)"}},
      {"compare: f16 keys and values differ by rounding",
       "they are damaged besides",
       program(kOnce + "a:kv_dtype=f32 b:kv_dtype=f16"),
       program(kOnce + "a:kv_dtype=f32 b:kv_dtype=f16,inject.layer=1,inject.noise=0.1"),
       {0, "within the limit"},
       {3, "other keys and values (f32, f16)"}},
      {"compare: b is judged",
       "it is another model",
       program(kOnce + "a: b:dtype=bf16"),
       program(kOnce + "a: b:model=" QWENCH_SOURCE_DIR "/tests/data/text/qwen2-odd-sizes-f32"),
       {0, "within the limit"},
       {0, "not judged"}},
      {"compare: target memory",
       "b holds the same keys and values",
       target(kLong + "a:kv_dtype=f32 b:kv_dtype=f16", "memory"),
       target(kOnce + "a: b:", "memory"),
       {0, "pass"},
       {0, "fail"}},
      {"compare: target relative L2 of logits",
       "weights of 4 bits",
       target(kOnce + "a: b:", "relative L2"),
       target(kOnce + "a: b:dtype=q4_0", "relative L2"),
       {0, "pass"},
       {0, "fail"}},
      {"compare: target prefill speed",
       "b is as fast",
       target(kSeparate + "a:inject.delay=900% b:", "prefill speed"),
       target(kSeparate + "a: b:", "prefill speed"),
       {0, "pass"},
       {0, "fail"}},
      suite_fault("prefill is wrong", "prefill_only", "fail: prefill: relative L2"),
      suite_fault("biases are ignored", "ignores_bias", "fail: prefill: relative L2"),
      suite_fault("NaN", "makes_nan", "fail: prefill: nonfinite"),
  };
}

}  // namespace qwench::test
