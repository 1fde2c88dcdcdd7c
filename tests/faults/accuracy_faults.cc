// What `accuracy` concludes: of layers, logits and texts, of tasks, gradients and golden folders.
#include "bench/accuracy/tolerance.h"
#include "bench/tasks/significance.h"
#include "tests/faults/planted_fault.h"

namespace qwench::test {

namespace {

using namespace qwench::bench;

const std::string kChat = QWENCH_SOURCE_DIR "/tests/data/text-chat/qwen3-chat-bf16";
const std::string kTiny = QWENCH_SOURCE_DIR "/models/qwench-tiny";
const std::string kGolden = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";

/// Files that live as long as the program.
struct Files {
  ScratchFolder folder;
  std::string text = folder.write("text.txt",
                                  "A first document, made of a few words and of a few more.\n\n"
                                  "A second one. It has two sentences.\n\nAnd the third: 1 2 3.\n");
  /// A copy of a file whose last float is another.
  std::string damaged(const std::string& path) {
    std::string bytes = read_file(path, 1 << 26);
    bytes.replace(bytes.size() - 4, 4, std::string("\0\0\x80\x3f", 4));
    return folder.write("damaged" + std::filesystem::path(path).extension().string(), bytes);
  }
};

Files& files() {
  static Files all;
  return all;
}

// ---- limits, one by one

/// A candidate with one figure of each kind.
CandidateResult measured(double error) {
  CandidateResult c;
  c.name = "c";
  const float one[2] = {1, 1}, off[2] = {float(1 + error), float(1 - error)};
  c.score.layers.emplace_back(), c.score.layers.back().add(one, off, 2);
  c.score.logits.add(one, off, 2);
  c.divergence.emplace();
  DivergenceSummary& s = *c.divergence;
  s.count = s.scored = 2;
  s.mean_kl = s.median_kl = s.max_kl = s.p99.value = s.p99_9.value = error;
  s.top1 = 1 - error, s.rms_delta_p = error, s.ln_ppl_ratio = error;
  return c;
}

PlantedFault limit(std::string_view conclusion, const std::string& metric, const std::string& set,
                   const std::function<CandidateResult(bool damaged)>& make) {
  const auto judged = [=](bool damaged) {
    Tolerances tolerances;
    if (!set.empty()) tolerances.set(set);
    for (const Verdict& v : tolerances.judge(make(damaged)))
      if (v.metric == metric) return Conclusion{0, v.pass ? "pass" : "fail"};
    return Conclusion{1, "not judged"};
  };
  return {conclusion,
          "it is far beyond the limit",
          [=] { return judged(false); },
          [=] { return judged(true); },
          {0, "pass"},
          {0, "fail"}};
}

FaultTable limits() {
  const auto figure = [](bool damaged) { return measured(damaged ? 0.5 : 1e-6); };
  const auto nan = [](bool damaged) {
    CandidateResult c = measured(1e-6);
    c.stability.ranges.emplace_back();
    c.stability.ranges.back().nan = damaged ? 1 : 0;
    return c;
  };
  const auto own = [](bool damaged) {  // within the limits of 4-bit weights, not of their kernels
    CandidateResult c = measured(0.01);
    c.judged_as = WeightPrecision::kBelow8Bit;
    c.same_weights = std::make_unique<CandidateResult>(measured(damaged ? 0.05 : 1e-6));
    c.same_weights->judged_as = WeightPrecision::k8Bit;
    return c;
  };
  const auto texts = [](bool damaged) {
    CandidateResult c = measured(1e-6);
    c.generation.emplace(), c.generation->matches.push_back({4, 10, damaged ? 1 : 10, {}, 0});
    return c;
  };
  return {
      limit("accuracy: no NaN and no Inf", "nonfinite", "", nan),
      limit("accuracy: layers near the reference's", "layer_relative_l2", "", figure),
      limit("accuracy: layers point the same way", "layer_cosine", "layer_cosine=0.999", figure),
      limit("accuracy: logits near the reference's", "logits_nmse", "", figure),
      limit("accuracy: the mean divergence", "kld_mean", "", figure),
      limit("accuracy: the median divergence", "kld_median", "kld_median=0.001", figure),
      limit("accuracy: the 99th percentile", "kld_p99", "kld_p99=0.001", figure),
      limit("accuracy: the 99.9th percentile", "kld_p999", "kld_p999=0.001", figure),
      limit("accuracy: the largest divergence", "kld_max", "", figure),
      limit("accuracy: the same top token", "top1", "", figure),
      limit("accuracy: the same probabilities", "delta_p_rms", "delta_p_rms=0.001", figure),
      limit("accuracy: the same perplexity", "ppl_ratio", "", figure),
      limit("accuracy: the same text", "generation_prefix", "generation_prefix=0.9", texts),
      limit("accuracy: undamaged beside its own weights", "same_weights_layer_relative_l2", "",
            own),
      limit("accuracy: as likely beside its own weights", "same_weights_kld_mean", "", own),
  };
}

// ---- the program

FaultTable texts() {
  const std::string on = "accuracy -t 1 --no-floor --generate 0 -m ";
  const std::string text = on + kChat + " --text " + files().text + " ";
  const std::string chat = text + "--window 24 ";
  const std::string tiny = on + kTiny + " --window 64 --max-tokens 64 ";
  const std::string decoding = "accuracy -t 1 --no-floor --generate 8 --generate-prompts 2 -m " +
                               kTiny + " --dtype f32 --window 64 --max-tokens 64 ";
  const auto plugin = [](const std::string& name, const std::string& op) {
    return "--plugin " QWENCH_BUILD_DIR "/tests/plugins/" + name + ".so --candidate b:kernel." +
           op + "=own";
  };
  const std::string damage = ",inject.layer=2,inject.noise=0.15";
  const std::string stored = files().folder.file("reference.safetensors");
  prepare(chat + "--dump " + stored);
  const std::string stored_one = "--against " + stored + " ", against = chat + stored_one;
  return {
      {"accuracy: the candidate passes",
       "5 % of noise in one layer",
       program(chat),
       program(chat + "--candidate d:inject.layer=1,inject.noise=0.05"),
       {0, "default: PASS"},
       {3, "d: FAIL, layer 1"}},
      {"accuracy: the candidate passes",
       "a layer makes NaN",
       program(chat),
       program(chat + "--candidate d:inject.layer=0,inject.noise=1e39"),
       {0, "PASS"},
       {3, "NaN or Inf first made by"}},
      {"accuracy: 4-bit weights pass",
       "15 % of noise, less than the type's own limits",
       program(tiny + "--candidate q:dtype=q4g"),
       program(tiny + "--candidate q:dtype=q4g" + damage),
       {0, "q: PASS"},
       {3, "q: FAIL, layer 2"}},
      {"accuracy: damage of 4-bit weights is found",
       "--no-same-weights",
       program(tiny + "--candidate q:dtype=q4g" + damage),
       program(tiny + "--no-same-weights --candidate q:dtype=q4g" + damage),
       {3, "q: FAIL"},
       {0, "is not told apart: --no-same-weights"}},
      {"accuracy: within what the user allows",
       "nothing is allowed",
       program(chat),
       program(chat + "--tolerance kld_max=0"),
       {0, "PASS"},
       {3, "kld_max"}},
      {"accuracy: the candidate passes",
       "its linear is wrong where there is one row",
       program(decoding + plugin("sound", "linear")),
       program(decoding + plugin("decode_only", "linear")),
       {0, "b: PASS"},
       {3, "decode_nmse"}},
      {"accuracy: the candidate passes",
       "its argmax always chooses the first id",
       program(decoding + plugin("sound", "argmax")),
       program(decoding + plugin("first_id", "argmax")),
       {0, "b: PASS"},
       {3, "generation_margin"}},
      {"accuracy --against: the candidate passes",
       "20 % of noise",
       program(against),
       program(against + "--candidate d:inject.layer=1,inject.noise=0.2"),
       {0, "default: PASS"},
       {3, "d: FAIL"}},
      {"accuracy --against: a reference of this text",
       "cut into other windows",
       program(against),
       program(text + stored_one + "--window 16"),
       {0, "PASS"},
       {1, stored}},
      {"accuracy --against: a reference",
       "there is none",
       program(against),
       program(chat + "--against /nonexistent/r.safetensors"),
       {0, "PASS"},
       {1, "/nonexistent"}},
      {"accuracy: the text that is named",
       "there is none",
       program(chat),
       program(on + kChat + " --text /nonexistent/t.txt"),
       {0, "PASS"},
       {1, "/nonexistent/t.txt"}},
      {"accuracy: every candidate loads",
       "b has no model",
       program(chat),
       program(chat + "--candidate a: --candidate b:model=/nonexistent"),
       {0, "PASS"},
       {2, "b: "}},
  };
}

FaultTable sections() {
  const std::string golden = "accuracy -t 1 --golden " + kGolden;
  const std::string gradients = "accuracy -t 1 -m " + kChat + " --gradients ";
  const std::string layer = QWENCH_SOURCE_DIR "/tests/data/gradients/qwen2-layer.safetensors";
  return {
      {"accuracy --golden: as other software",
       "5 % of noise in one layer",
       program(golden),
       program(golden + " --candidate d:inject.layer=0,inject.noise=0.05"),
       {0, "default: pass"},
       {3, "d: FAIL"}},
      {"accuracy --golden: a folder of expected results",
       "there is none",
       program(golden),
       program("accuracy --golden /nonexistent"),
       {0, "pass"},
       {1, "/nonexistent"}},
      {"accuracy --gradients: gradients point the same way",
       "weights of 4 bits",
       program(gradients + "--candidate h:dtype=f16"),
       program(gradients + "--candidate q:dtype=q4_0"),
       {0, "pass"},
       {3, "FAIL"}},
      {"accuracy --gradients: as other software",
       "an expected value is another",
       program(gradients + "--gradient-golden " + layer),
       program(gradients + "--gradient-golden " + files().damaged(layer)),
       {0, "pass"},
       {3, "FAIL"}},
      {"accuracy --gradients: the file that is named",
       "there is none",
       program(gradients + "--gradient-golden " + layer),
       program(gradients + "--gradient-golden /nonexistent"),
       {0, "pass"},
       {1, "/nonexistent"}},
  };
}

PlantedFault task(std::string_view conclusion, std::string_view fault, const TaskVerdict& sound,
                  const TaskVerdict& faulty, std::string becomes) {
  return {conclusion,
          fault,
          [=] {
            return Conclusion{0, bench::name_of(sound.outcome)};
          },
          [=] {
            return Conclusion{0, bench::name_of(faulty.outcome)};
          },
          {0, "pass"},
          {0, std::move(becomes)}};
}

FaultTable tasks() {
  const std::string swag = " --hellaswag " + kTiny + "/tasks/hellaswag.jsonl --limit 60 ";
  const std::string on = "accuracy -t 2 -m " + kTiny + swag;
  const std::vector<double> same(2000, 0.0), worse(2000, -0.2);
  std::vector<double> mixed = same;
  for (size_t i = 0; i < mixed.size(); ++i) mixed[i] = i % 2 ? 0.5 : -0.5;
  return {
      task("tasks: as many right answers", "nine became wrong", judge_answers({2000, 1, 1}, 0),
           judge_answers({2000, 9, 0}, 0), "FAIL"),
      task("tasks: a loss is ruled out", "by four items", judge_answers({2000, 1, 1}, 0),
           judge_answers({4, 0, 0}, 0), "inconclusive"),
      task("tasks --task-drop: within what may be lost", "more is lost",
           judge_answers({2000, 30, 5}, 0.03), judge_answers({2000, 200, 5}, 0.03), "FAIL"),
      task("prompts: scores as the reference's", "each fell by 0.2", judge_scores(same, 0),
           judge_scores(worse, 0), "FAIL"),
      task("prompts: a loss is ruled out", "scores scatter", judge_scores(same, 0),
           judge_scores(mixed, 0), "inconclusive"),
      {"accuracy --hellaswag: no candidate is worse",
       "one is damaged beyond use",
       program(on),
       program(on + "--candidate d:inject.layer=1,inject.noise=5"),
       {0, "inconclusive"},
       {3, "d: FAIL"}},
      {"accuracy --mmlu: the file that is named",
       "there is none",
       program(on),
       program("accuracy -m " + kTiny + " --mmlu nothere.csv"),
       {0, ""},
       {1, "nothere.csv"}},
      {"accuracy --hellaswag: the file that is named",
       "there is none",
       program(on),
       program("accuracy -m " + kTiny + " --hellaswag nothere.jsonl"),
       {0, ""},
       {1, "nothere.jsonl"}},
      {"accuracy --retrieval: the file that is named",
       "there is none",
       program(on),
       program("accuracy -m " + kTiny + " --retrieval nothere.jsonl"),
       {0, ""},
       {1, "nothere.jsonl"}},
      {"accuracy --prompts: the file that is named",
       "there is none",
       program(on),
       program("accuracy -m " + kTiny + " --prompts nothere.json"),
       {0, ""},
       {1, "nothere.json"}},
  };
}

}  // namespace

FaultTable accuracy_faults() {
  FaultTable all;
  for (const auto& part : {limits, texts, sections, tasks})
    for (PlantedFault& fault : part()) all.push_back(std::move(fault));
  return all;
}

}  // namespace qwench::test
