// What suites conclude: a planted failure for every criterion. Each row hands the suite's own judge what a sound run
// measures, and the same with one thing wrong.
#include <map>

#include "bench/suites/criteria.h"
#include "bench/suites/target_criteria.h"
#include "tests/faults/planted_fault.h"

namespace qwench::test {

namespace {

using namespace qwench::bench;
using Criteria = std::vector<Criterion>;

std::set<std::string>& planted_criteria() {
  static std::set<std::string> names;
  return names;
}

Conclusion outcome_of(const Criteria& criteria, std::string_view name) {
  for (const Criterion& c : criteria)
    if (c.name == name) return {0, std::string(bench::name_of(c.outcome))};
  return {0, "no such criterion"};
}

/// The words of a row, and the criterion that must turn.
struct Planted {
  std::string_view conclusion, fault, criterion;
  std::string becomes = "fail";
};

PlantedFault row(const Planted& p, std::function<Criteria()> sound,
                 std::function<Criteria()> faulty) {
  planted_criteria().emplace(p.criterion);
  const auto judged = [p](std::function<Criteria()> judge) {
    return [p, judge = std::move(judge)] { return outcome_of(judge(), p.criterion); };
  };
  return {p.conclusion, p.fault,       judged(std::move(sound)), judged(std::move(faulty)),
          {0, "pass"},  {0, p.becomes}};
}

/// A judge of one measurement.
template <class M>
PlantedFault planted(const Planted& p, Criteria (*judge)(const M&), M sound,
                     const std::function<void(M&)>& damage) {
  M faulty = sound;
  damage(faulty);
  return row(
      p, [=] { return judge(sound); }, [=] { return judge(faulty); });
}

/// A criterion of its own.
PlantedFault planted(const Planted& p, const Criterion& sound, const Criterion& faulty) {
  return row(
      p, [=] { return Criteria{sound}; }, [=] { return Criteria{faulty}; });
}

using Figures = std::map<std::string, double>;

/// A judge of the figures that a suite of the machine has found.
PlantedFault planted(const Planted& p, std::function<void(SuiteFindings&)> judge, Figures sound,
                     const Figures& damage) {
  Figures faulty = sound;
  for (const auto& [name, value] : damage) faulty[name] = value;
  const auto judged = [judge = std::move(judge)](const Figures& figures) {
    SuiteFindings found;
    for (const auto& [name, value] : figures) found.measured(name, "", {value});
    judge(found);
    return found.result.criteria;
  };
  return row(
      p, [=] { return judged(sound); }, [=] { return judged(faulty); });
}

void append(FaultTable& to, FaultTable rows) {
  for (PlantedFault& fault : rows) to.push_back(std::move(fault));
}

FaultTable answers() {
  using T = ThroughputMeasured;
  const T sound{10, 10, {2, 2.1}, {1e8, 1.1e8, 0.9e8}, 1'000'000, 2'000'000, false, false};
  const auto fault = [&](const Planted& p, const std::function<void(T&)>& damage) {
    return planted<T>(p, judge_throughput, sound, damage);
  };
  return {
      fault({"throughput: every prompt is answered", "one answer is short", "all_prompts"},
            [](T& m) { m.answered = 9; }),
      fault({"throughput: fast enough for a CPU", "0.05 samples a second", "samples_per_second"},
            [](T& m) { m.samples_per_second = {0.05}; }),
      fault({"throughput: fast enough for a GPU", "the speed of a CPU", "samples_per_second"},
            [](T& m) { m.gpu = true, m.samples_per_second = {0.5}; }),
      fault({"throughput: answers take about as long", "one takes a hundred times as long",
             "sample_time_variation"},
            [](T& m) {
              m.sample_ns = {1, 1, 1, 100};
            }),
      fault({"throughput: within free memory", "the process grew beyond it", "peak_memory"},
            [](T& m) { m.peak_bytes = 3'000'000; }),
      planted({"latency: answers take about as long", "one takes a hundred times as long",
               "latency_variation"},
              judge_latency({10, 11, 9}), judge_latency({1, 1, 1, 100})),
      planted({"latency_consistency: steady", "every other answer takes a third more",
               "latency_variation"},
              judge_consistency({100, 101, 99}), judge_consistency({100, 133, 100, 133})),
      planted({"latency: the same answer every time", "the last run says something else",
               "same_output"},
              judge_same_output({"a", "a", "a"}), judge_same_output({"a", "a", "b"})),
      planted({"prompt_categories: every prompt and batch runs", "a batch does not fit",
               "all_categories"},
              judge_all("all_categories", "", 20, 20, false),
              judge_all("all_categories", "", 19, 20, false)),
  };
}

FaultTable scaling() {
  const auto gain = [](const char* name, Bound bound, const std::vector<BatchSpeed>& speeds) {
    return judge_batch_gain(name, bound, speeds);
  };
  using Points = std::vector<DepthSpeed>;
  using E = EnduranceMeasured;
  const E steady{{10, 10, 10, 10}, {1e6, 1e6, 1e6, 1e6}, {"a", "a", "a", "a"}, false};
  using Levels = std::vector<UsersMeasured>;
  const Levels users = {{1, 100, 0, {5, 5.1}, {"a", "b"}, 1},
                        {4, 100, 0, {5, 5.2}, {"a", "b"}, 0.5}};
  const auto level = [&](const Planted& p, const std::function<void(Levels&)>& damage) {
    return planted<Levels>(
        p, [](const Levels& l) { return judge_users(l, false); }, users, damage);
  };
  return {
      planted({"prompt_categories: batches of short answers are no slower than one",
               "every batch is", "short_generation_batching_gain"},
              gain("short_generation_batching_gain", Bound::kAtLeast, {{1, 100}, {4, 150}}),
              gain("short_generation_batching_gain", Bound::kAtLeast, {{1, 100}, {4, 90}})),
      planted({"prompt_categories: batches of code are no slower than one", "every batch is",
               "code_generation_batching_gain"},
              gain("code_generation_batching_gain", Bound::kAtLeast, {{1, 100}, {4, 150}}),
              gain("code_generation_batching_gain", Bound::kAtLeast, {{1, 100}, {4, 90}})),
      planted({"scalability: a batch is faster than one sequence", "none is", "batch_gain"},
              gain("batch_gain", Bound::kAbove, {{1, 100}, {4, 150}}),
              gain("batch_gain", Bound::kAbove, {{1, 100}, {4, 100}})),
      planted({"scalability: threads scale", "eight are as fast as two", "thread_efficiency"},
              judge_thread_efficiency(100, 700, 8), judge_thread_efficiency(100, 200, 8)),
      planted({"depth_sweep: decode slows down with the bytes it reads",
               "it slows down five times as much", "decode_slowdown"},
              judge_slowdown(Points{{0, 100, 1e6}, {4096, 50, 2e6}}),
              judge_slowdown(Points{{0, 100, 1e6}, {4096, 10, 2e6}})),
      planted<E>({"stability: speed holds", "the last quarter is a third slower", "speed_drift"},
                 judge_endurance, steady,
                 [](E& m) {
                   m.tokens_per_second = {10, 10, 9, 6};
                 }),
      planted<E>({"stability: the process does not grow", "by 2 MB a run", "rss_growth"},
                 judge_endurance, steady,
                 [](E& m) {
                   m.rss = {1e6, 3e6, 5e6, 7e6};
                 }),
      planted<E>(
          {"stability: the same answer every time", "one run says something else", "same_output"},
          judge_endurance, steady, [](E& m) { m.hashes[2] = "b"; }),
      level({"concurrency: no failures", "four users do not fit", "failures"},
            [](Levels& l) { l[1].failures = 1; }),
      level({"concurrency: the same answers for any number of users", "the second user's differs",
             "same_answers"},
            [](Levels& l) { l[1].hashes[1] = "c"; }),
      level({"concurrency: users wait about as long", "one waits ten times as long",
             "latency_variation"},
            [](Levels& l) {
              l[1].token_ns = {5, 5, 50};
            }),
      level({"concurrency: users add throughput", "four get half of what one gets",
             "throughput_gain"},
            [](Levels& l) { l[1].seconds = 2; }),
  };
}

FaultTable memory() {
  using M = MemoryMeasured;
  const M sound{1.1e9, 1e9, 8e9, 2e9, true};
  using S = StressMeasured;
  const S stress{3, 3, 0, 1e6, false};
  return {
      planted<M>({"memory_phases: as much as planned", "twice as much", "planned_memory"},
                 judge_memory, sound, [](M& m) { m.held = 2e9; }),
      planted<M>(
          {"memory_phases: less than was free", "more than was free", "memory_within_limits"},
          judge_memory, sound, [](M& m) { m.available = 1e9; }),
      planted<M>({"memory_phases: smaller types save memory", "they save 5 %", "memory_reduction"},
                 judge_memory, sound, [](M& m) { m.as_stored = 1.05e9; }),
      planted<S>({"memory_stress: every prompt fits", "one does not", "all_tests"}, judge_stress,
                 stress, [](S& m) { m.passed = 2; }),
      planted<S>({"memory_stress: the backend gives everything back", "it keeps a page",
                  "backend_memory_kept"},
                 judge_stress, stress, [](S& m) { m.held_more = 4096; }),
      planted<S>({"memory_stress: the process gives memory back", "it keeps 200 MB", "memory_kept"},
                 judge_stress, stress, [](S& m) { m.resident_more = 200e6; }),
  };
}

OrderedJson verdict(const std::string& metric, const OrderedJson& value) {
  return {{"metric", metric}, {"bound", "at_most"}, {"limit", 0.002}, {"value", value}};
}

/// What one judge says of several names.
FaultTable repeated() {
  FaultTable rows;
  for (const char* name : {"layers", "heads", "kv_heads", "dim", "ffn_dim", "vocab", "parameters"})
    rows.push_back(planted(
        {lasting(fmt::format("model_capacity: all {} in memory", name)), "one is missing", name},
        judge_capacity({name, 28, 28}), judge_capacity({name, 28, 27})));
  for (const char* name : {"nonfinite", "layer_relative_l2", "logits_nmse", "kld_mean", "kld_max",
                           "top1", "ppl_ratio", "generation_margin", "decode_nmse"})
    rows.push_back(planted(
        {lasting(fmt::format("accuracy suite: within the limit of {}", name)), "beyond it", name},
        judge_accuracy_verdict(verdict(name, 0.001)), judge_accuracy_verdict(verdict(name, 0.01))));
  for (const char* name : {"classification", "summarization", "extraction", "code_generation"}) {
    const std::string total = fmt::format("{}_total", name),
                      rate = fmt::format("{}_per_minute", name);
    const Figures pile = {{total, 50e9}, {rate, 2000}};
    const auto judge = [=](SuiteFindings& found) {
      judge_pipeline(found, {name, 1000, 120, 1000}, std::nullopt, 20);
    };
    rows.push_back(planted({lasting(fmt::format("document_pipeline: {} in time", name)),
                            "it takes twice as long", lasting(total)},
                           judge, pile, {{total, 240e9}}));
    rows.push_back(planted({lasting(fmt::format("document_pipeline: {} a minute", name)),
                            "half of what is asked", lasting(rate)},
                           judge, pile, {{rate, 500}}));
  }
  return rows;
}

FaultTable accuracy() {
  using Q = QualityMeasured;
  const Q quality{5, 5, 12.0, 320, false};
  using G = GradientsMeasured;
  const G gradients{1e-7, 0.999, 0.99, true};
  return {
      planted<Q>({"quality: every prompt is answered", "one answer is empty", "all_prompts"},
                 judge_quality, quality, [](Q& m) { m.answered = 4; }),
      planted<Q>({"quality: references are likelier than by guessing", "they are not",
                  "reference_perplexity"},
                 judge_quality, quality, [](Q& m) { m.perplexity = 400; }),
      planted({"accuracy suite: logits within 1 %", "2 % off", "logits_relative_error"},
              judge_text_logits(0.001), judge_text_logits(0.02)),
      planted({"accuracy suite: logits are numbers", "they are NaN", "logits_relative_error"},
              judge_text_logits(0.001), judge_text_logits(NAN)),
      planted({"accuracy suite: random logits within 1 %", "2 % off", "logits_relative_error"},
              judge_random_logits(false, 0.001, 8), judge_random_logits(false, 0.02, 8)),
      planted({"accuracy suite: random logits of quantised weights within 5 %", "6 % off",
               "logits_relative_error"},
              judge_random_logits(true, 0.02, 8), judge_random_logits(true, 0.06, 8)),
      planted({"accuracy suite: limits are of numbers", "one is no number", "kld_mean"},
              judge_accuracy_verdict(verdict("kld_mean", 0.001)),
              judge_accuracy_verdict(verdict("kld_mean", nullptr))),
      planted<G>({"accuracy suite: the backward is right", "it is off by 1 %",
                  "gradient_finite_difference_error"},
                 judge_gradients, gradients, [](G& m) { m.finite_difference_error = 0.01; }),
      planted<G>(
          {"accuracy suite: gradients point the same way", "one does not", "gradient_cosine"},
          judge_gradients, gradients, [](G& m) { m.least_cosine = 0.5; }),
      planted<G>({"accuracy suite: recomputed gradients are the same bits", "they are not",
                  "gradient_recompute"},
                 judge_gradients, gradients, [](G& m) { m.recompute_equal = false; }),
  };
}

FaultTable machine() {
  const Figures bandwidth = {
      {"dram_read_of_roofline", 95}, {"l1_over_dram", 10}, {"decode_of_dram_read", 70}};
  const auto of_bandwidth = [](SuiteFindings& found) { judge_memory_bandwidth(found, "dram"); };
  const Figures storage = {{"sequential_read_cold", 2e9}, {"load_cold", 5e9}};
  const Figures patterns = {{"dram_latency", 100}, {"dram_sequential_access", 1}};
  return {
      planted({"storage: a fast device", "400 MB/s", "sequential_read_cold"}, judge_storage,
              storage, {{"sequential_read_cold", 400e6}}),
      planted({"storage: loads within a minute", "it takes two", "load_cold"}, judge_storage,
              storage, {{"load_cold", 120e9}}),
      planted({"memory_bandwidth: both measurements agree", "one is half of the other",
               "dram_read_of_roofline"},
              of_bandwidth, bandwidth, {{"dram_read_of_roofline", 50}}),
      planted({"memory_bandwidth: the cache is faster than memory", "it is not", "l1_over_dram"},
              of_bandwidth, bandwidth, {{"l1_over_dram", 0.9}}),
      planted(
          {"memory_bandwidth: decode uses the bandwidth", "a fifth of it", "decode_of_dram_read"},
          of_bandwidth, bandwidth, {{"decode_of_dram_read", 20}}),
      planted(
          {"access_pattern: reading on pays", "it is as slow as jumping", "sequential_advantage"},
          judge_access_pattern, patterns, {{"dram_sequential_access", 90}}),
      planted({"access_pattern: memory answers in time", "after 300 ns", "dram_latency"},
              judge_access_pattern, patterns, {{"dram_latency", 300}}),
  };
}

/// Predictions with one use that no model is suitable for, or with none.
Criteria suitable(const std::string& not_for) {
  OrderedJson verdict = {
      {"interactive", "achievable"}, {"batch", "achievable"}, {"memory", "achievable"}};
  if (!not_for.empty()) verdict[not_for] = "not suitable";
  SuiteFindings found;
  judge_suitability(found, OrderedJson::array({{{"model", "m"}, {"verdict", verdict}}}));
  return found.result.criteria;
}

FaultTable work() {
  const auto use = [](const Planted& p, const char* name) {
    return row(
        p, [] { return suitable(""); }, [=] { return suitable(name); });
  };
  const Figures retrieval = {
      {"embed_1000_chunks", 1e9}, {"chunks_per_minute", 5000}, {"vector_search", 1e6},
      {"complex_assembly", 1e6},  {"complex_response", 1e9},   {"simple_answer", 1e9},
      {"complex_answer", 1e9},    {"mean_answer", 1e9},        {"chunk_finds_itself", 100}};
  const auto of_retrieval = [](SuiteFindings& found) { judge_retrieval(found, false, "all"); };
  const auto slow = [&](std::string_view conclusion, std::string_view figure, double value) {
    return planted({conclusion, "it is far from that", figure}, of_retrieval, retrieval,
                   {{std::string(figure), value}});
  };
  return {
      use({"suitability: a model answers at once", "none does", "interactive_models"},
          "interactive"),
      use({"suitability: a model works off batches", "none does", "batch_models"}, "batch"),
      use({"suitability: a model fits", "none does", "memory_models"}, "memory"),
      slow("retrieval: embeds in time", "embed_1000_chunks", 20e9),
      slow("retrieval: chunks a minute", "chunks_per_minute", 100),
      slow("retrieval: searches in time", "vector_search", 1e9),
      slow("retrieval: assembles in time", "complex_assembly", 1e9),
      slow("retrieval: responds in time", "complex_response", 10e9),
      slow("retrieval: a simple answer in time", "simple_answer", 60e9),
      slow("retrieval: a complex answer in time", "complex_answer", 60e9),
      slow("retrieval: answers in time", "mean_answer", 60e9),
      slow("retrieval: the search is right", "chunk_finds_itself", 90),
  };
}

FaultTable targets() {
  using T = TargetsMeasured;
  T sound;
  sound.tokens_per_second = {90}, sound.first_token_ns = {50e6}, sound.answer_ns = {1e9};
  sound.batch_tokens_per_second = {90.0, 250.0, 350.0, 450.0};
  sound.memory_bytes = 1e9, sound.device = "cpu";
  sound.prompt_tokens = 64, sound.new_tokens = 32, sound.parameters = 1.7e9, sound.bits = 4.5;
  const auto judge = [](const T& m) { return judge_targets(m, {400e9, 50e12, 1e9, 3.4e9}); };
  const auto fault = [&](const Planted& p, const std::function<void(T&)>& damage) {
    return planted<T>(p, judge, sound, damage);
  };
  return {
      fault({"targets: speed of the size class", "30 tokens/s", "1.7B 4-bit: batch 1"},
            [](T& m) { m.batch_tokens_per_second[0] = 30; }),
      fault({"targets: speed of 8 sequences", "30 tokens/s", "1.7B 4-bit: batch 8"},
            [](T& m) { m.batch_tokens_per_second[2] = 30; }),
      fault({"targets: first token of the size class", "after a second", "1.7B 4-bit: first token"},
            [](T& m) { m.first_token_ns = {1e9}; }),
      fault({"targets: memory of the size class", "9 GB", "1.7B 4-bit: memory"},
            [](T& m) { m.memory_bytes = 9e9; }),
      fault(
          {"targets: good enough for development", "a token a second", "development (cpu): speed"},
          [](T& m) { m.batch_tokens_per_second[0] = 1; }),
      fault({"targets: answers in time for development", "after 20 s", "development (cpu): answer"},
            [](T& m) { m.answer_ns = {20e9}; }),
      fault({"targets: interactive", "the first token takes 2 s", "interactive (any): first token"},
            [](T& m) { m.first_token_ns = {2e9}; }),
      fault({"targets: of the model's own size class", "a model of 1.2 million parameters",
             "1.7B 4-bit: memory", "no such criterion"},
            [](T& m) { m.parameters = 1.2e6, m.bits = 16; }),
      fault({"targets: of use", "a model of 1.2 million parameters", "development (cpu): memory",
             "not applicable"},
            [](T& m) { m.parameters = 1.2e6; }),
      fault({"targets: of this kind of device", "it is a GPU", "development (cpu): memory",
             "not applicable"},
            [](T& m) { m.device = "gpu"; }),
  };
}

const std::string kTiny = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";

FaultTable commands() {
  const std::string one = "bench --quick -m " + kTiny + " -t 1 --strict --specific-tests ";
  return {
      {"suites --strict: no criterion is missed",
       "smaller types were asked for, larger ones given",
       program(one + "model_capacity"),
       program(one + "memory_phases --dtype f32 --kv-dtype f16 --ctx 64"),
       {0, "criteria: 7 pass, 0 fail"},
       {1, "fail: memory_phases: memory_reduction"}},
      {"suites --plan: everything fits",
       "a model of 131 GB",
       program("bench --quick --plan -m " + kTiny),
       program("bench --quick --plan -m qwen3-32b --dtype f32"),
       {0, ""},
       {1, "not everything fits"}},
      {"suites: the prompts of a file",
       "there is no such file",
       program("bench --specific-tests quality --quick -m " QWENCH_SOURCE_DIR
               "/models/qwench-tiny -t 1 --max-tokens 2"),
       program("bench --specific-tests quality --quick -m " QWENCH_SOURCE_DIR
               "/models/qwench-tiny -t 1 --prompts-file /nonexistent/p.json"),
       {0, ""},
       {1, "/nonexistent/p.json"}},
  };
}

}  // namespace

FaultTable suites_faults() {
  FaultTable all;
  for (const auto& part :
       {answers, scaling, memory, accuracy, repeated, machine, work, targets, commands})
    append(all, part());
  return all;
}

std::set<std::string> criteria_with_faults() {
  suites_faults();
  return planted_criteria();
}

}  // namespace qwench::test
