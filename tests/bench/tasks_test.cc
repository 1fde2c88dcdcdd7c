// Tasks on a model: scores that equal a softmax over plain prompt logits, and what is reported.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "bench/tasks/hellaswag.h"
#include "bench/tasks/likelihood_task.h"
#include "bench/tasks/task_section.h"
#include "engine/base/check.h"
#include "tests/support/scratch.h"
#include "tests/support/test_model.h"

using namespace qwench::bench;
using namespace qwench::test;
using qwench::OrderedJson;

namespace {

const std::string kChat = data_folder("text-chat/qwen3-chat-bf16");
const std::string kTasks = data_folder("tasks");

/// A model with its text side, as `accuracy` hands it over.
struct Scene {
  ModelOptions options;
  std::unique_ptr<qwench::Checkpoint> checkpoint;
  LoadedModel loaded;
  TextModel text;

  explicit Scene(const std::string& kernel = "") {
    options.model = kChat;
    if (!kernel.empty()) options.kernels = {kernel};
    checkpoint = open_model(options);
    loaded =
        load_model(options, *checkpoint, make_backend(options, 1), session_options(options, 1, 16));
    SamplingOptions greedy;
    greedy.greedy = true;
    text = open_text(options, *checkpoint, greedy);
  }
};

/// What scoring means, from all logits of the whole text: no cache, no shared beginning.
struct PlainScore {
  double log_likelihood = 0;
  bool greedy = true;
  int64_t n_tokens = 0;
};

PlainScore plain_score(const TestModel& model, const qwench::Tokenizer& tokenizer,
                       const std::string& context, const std::string& continuation) {
  const std::vector<int32_t> all = tokenizer.encode(context + continuation);
  const size_t n_context = tokenizer.encode(context).size();
  const std::vector<float> logits = prompt_logits(model, all, 512);
  const size_t vocab = size_t(model.model.config.vocab);
  PlainScore score;
  score.n_tokens = int64_t(all.size() - n_context);
  for (size_t i = n_context; i < all.size(); ++i) {
    const float* row = logits.data() + (i - 1) * vocab;
    long double sum = 0;
    for (size_t j = 0; j < vocab; ++j) sum += std::exp((long double)(row[j]));
    score.log_likelihood += double(row[all[i]] - std::log(sum));
    for (size_t j = 0; j < vocab; ++j) score.greedy = score.greedy && row[j] <= row[all[i]];
  }
  return score;
}

void check_says(const std::string& message, const std::string& said) {
  INFO(message);
  CHECK(message.find(said) != std::string::npos);
}

}  // namespace

TEST_CASE("a pair is encoded together and its blanks belong to the continuation") {
  const Scene s;
  const EncodedPair pair = encode_pair(*s.text.tokenizer, "Hello ", "world", "here");
  CHECK(pair.tokens == s.text.tokenizer->encode("Hello world"));
  CHECK(pair.n_context == int64_t(s.text.tokenizer->encode("Hello").size()));
  CHECK_THROWS_WITH_AS(encode_pair(*s.text.tokenizer, " ", "x", "f:1"), doctest::Contains("f:1"),
                       qwench::Error);
  CHECK_THROWS_WITH_AS(encode_pair(*s.text.tokenizer, "x", "", "f:1"), doctest::Contains("f:1"),
                       qwench::Error);
}

TEST_CASE("log-likelihoods are those of a softmax over plain prompt logits, in any order") {
  const Scene s;
  const TestModel plain(kChat);
  const auto items = read_hellaswag(kTasks + "/hellaswag.txt", 0);
  ModelOptions options = s.options;
  want_exact_kv(options);
  LikelihoodScorer scorer(s.loaded.model, session_options(options, 1, 64), 64,
                          s.loaded.model.config.vocab);
  for (int round = 0; round < 2; ++round)
    for (const LikelihoodItem& item : items)
      for (const std::string ending :
           {" A", " B", " A cat jumps down. It is a cat.", " B", " 7 7"}) {
        INFO(item.context);
        INFO(ending);
        const PlainScore expected = plain_score(plain, *s.text.tokenizer, item.context, ending);
        const Likelihood got =
            scorer.score(encode_pair(*s.text.tokenizer, item.context, ending, "here"));
        CHECK(std::fabs(got.log_likelihood - expected.log_likelihood) < 1e-9);
        CHECK(got.greedy == expected.greedy);
      }
}

TEST_CASE("what greedy decoding gives is greedy, and one other token is not") {
  const Scene s;
  std::vector<int32_t> tokens = s.text.tokenizer->encode("Hello, world!");
  EncodedPair pair{tokens, int64_t(tokens.size())};
  for (const int32_t id : greedy(TestModel(kChat), tokens, 6)) pair.tokens.push_back(id);
  LikelihoodScorer scorer(s.loaded.model, session_options(s.options, 1, 64), 64,
                          s.loaded.model.config.vocab);
  CHECK(scorer.score(pair).greedy);
  pair.tokens[pair.tokens.size() - 2] ^= 1;
  CHECK(!scorer.score(pair).greedy);
}

TEST_CASE("acc, acc_norm_char and acc_norm_token are each their own arg max") {
  Scene s;
  const TestModel plain(kChat);
  const auto items = read_hellaswag(kTasks + "/hellaswag.txt", 0);
  double expected[3] = {0, 0, 0};
  for (const LikelihoodItem& item : items) {
    std::vector<double> sum, per_character, per_token;
    for (const Ending& e : item.endings) {
      const PlainScore p = plain_score(plain, *s.text.tokenizer, item.context, e.continuation);
      sum.push_back(p.log_likelihood);
      per_character.push_back(p.log_likelihood / double(e.continuation.size() - 1));
      per_token.push_back(p.log_likelihood / double(p.n_tokens));
    }
    expected[0] += index_of_max(sum) == item.answer;
    expected[1] += index_of_max(per_character) == item.answer;
    expected[2] += index_of_max(per_token) == item.answer;
  }
  TaskOptions options;
  options.hellaswag = {kTasks + "/hellaswag.txt"};
  TaskSection section(options, kChat);
  section.run("plain", s.loaded, s.text, s.options);
  const OrderedJson result = section.to_json()[0]["results"][0];
  CHECK(result["n"] == 2);
  CHECK(result["acc"].get<double>() == doctest::Approx(expected[0] / 2));
  CHECK(result["acc_norm_char"].get<double>() == doctest::Approx(expected[1] / 2));
  CHECK(result["acc_norm_token"].get<double>() == doctest::Approx(expected[2] / 2));
  CHECK(result["mcnemar"].is_null());  // the first run is the reference
}

TEST_CASE("standard errors and McNemar's test are the known numbers") {
  const Accuracy half = accuracy_of(Marks{true, false, true, false});
  CHECK(half.value() == 0.5);
  CHECK(half.standard_error() == doctest::Approx(0.25));
  const Interval few = accuracy_of(Marks(4, true)).interval(),
                 none = accuracy_of(Marks(4, false)).interval();
  CHECK(few.lo == doctest::Approx(0.5101).epsilon(1e-4));  // Wilson
  CHECK(few.hi == doctest::Approx(1));
  CHECK(none.lo == doctest::Approx(0));
  CHECK(none.hi == doctest::Approx(0.4899).epsilon(1e-4));
  const Interval most = accuracy_of(Marks(100, true)).interval();
  CHECK(most.lo == doctest::Approx(0.9630).epsilon(1e-4));
  const auto p = [](int64_t b, int64_t c) { return PairedTest{100, b, c}.p_value(); };
  CHECK(p(0, 0) == 1);
  CHECK(p(1, 0) == doctest::Approx(1));
  CHECK(p(0, 5) == doctest::Approx(0.0625));
  CHECK(p(8, 2) == doctest::Approx(112.0 / 1024));
  CHECK(p(10, 10) == doctest::Approx(1));
  CHECK(p(1, 9) == doctest::Approx(22.0 / 1024));
  CHECK(p(4500, 5500) < 1e-20);  // ten standard deviations
  CHECK(p(5000, 5000) == doctest::Approx(1));
  CHECK(PairedTest{100, 3, 2}.items_for_one_percent() == 3925);  // 7.8489 * 0.05 / 0.0001
  const PairedTest test = paired_test({true, true, false, false}, {true, false, true});
  CHECK(test.n == 3);
  CHECK(test.only_reference == 1);
  CHECK(test.only_candidate == 1);
}

TEST_CASE("a candidate fails where it is significantly worse, passes where a loss is ruled out") {
  using Outcome = TaskVerdict::Outcome;
  const auto judged = [](int64_t n, int64_t lost, int64_t won, double drop = 0) {
    return judge_answers({n, lost, won}, drop).outcome;
  };
  CHECK(judged(2000, 9, 0) == Outcome::kFail);
  CHECK(judged(2000, 5, 0) == Outcome::kPass);         // p = 0.06, and at most 0.6 %
  CHECK(judged(100, 5, 0) == Outcome::kInconclusive);  // the same of a hundred may be 10 %
  CHECK(judged(2000, 0, 9) == Outcome::kPass);
  CHECK(judged(4, 0, 0) == Outcome::kInconclusive);
  CHECK(judged(0, 0, 0) == Outcome::kInconclusive);
  CHECK(judged(2000, 30, 5, 0.03) == Outcome::kPass);
  CHECK(judged(2000, 30, 5) == Outcome::kFail);
  CHECK(judged(2000, 100, 5, 0.03) == Outcome::kFail);
  const Interval i = PairedTest{50, 2, 5}.interval();  // Bonett and Price: (6 - 3) / 52 +- ...
  CHECK((i.lo + i.hi) / 2 == doctest::Approx(3.0 / 52));
  CHECK((i.hi - i.lo) / 2 == doctest::Approx(1.959964 * std::sqrt((9.0 / 52 - 9.0 / 2704) / 52)));

  const auto scored = [](const std::vector<double>& differences, double drop = 0) {
    return judge_scores(differences, drop).outcome;
  };
  CHECK(scored(std::vector<double>(2000, 0.0)) == Outcome::kPass);
  CHECK(scored(std::vector<double>(40, 0.0)) == Outcome::kInconclusive);
  CHECK(scored(std::vector<double>(40, -0.1)) == Outcome::kFail);
  CHECK(scored(std::vector<double>(40, -0.1), 0.2) == Outcome::kPass);
  CHECK(scored(std::vector<double>(3, 0.0)) == Outcome::kInconclusive);
  CHECK(scored({}) == Outcome::kInconclusive);
}

TEST_CASE("every form of task runs, on two models, with groups, limits and what was skipped") {
  Scene first, second("reference");
  TaskOptions options;
  options.mmlu = {kTasks + "/mmlu", kTasks + "/mmlu.jsonl"};
  options.hellaswag = {kTasks + "/hellaswag.jsonl"};
  options.retrieval = {kTasks + "/retrieval.jsonl"};
  options.prompts = {kTasks + "/prompts.json"};
  options.metrics = {"one=seq 2"};
  options.shipped = true;
  TaskSection section(options, kChat);
  CHECK(!section.empty());
  section.run("fast", first.loaded, first.text, first.options);
  section.run("slow", second.loaded, second.text, second.options);
  const OrderedJson tasks = section.to_json();
  REQUIRE(tasks.size() == 6);
  CHECK(tasks[0]["n"] == 5);
  CHECK(tasks[0]["results"][1]["groups"]["road signs"]["n"] == 3);
  CHECK(tasks[0]["results"][1]["mcnemar"]["flips"] == 0);
  CHECK(tasks[0]["note"].get<std::string>().find("14042") != std::string::npos);
  CHECK(tasks[0]["results"][0]["verdict"].is_null());
  CHECK(tasks[0]["results"][1]["verdict"]["outcome"] == "inconclusive");  // 5 items prove little
  CHECK(tasks[3]["kind"] == "exact_match");
  CHECK(tasks[3]["results"][0]["groups"]["16"]["n"] == 2);
  const OrderedJson& slow = tasks[4]["results"][1];
  CHECK(slow["metrics"]["one"] == 1.5);
  CHECK(slow["same_text_as_reference_model"] == 1);
  CHECK(slow["predictions"].size() == 2);
  CHECK(slow["verdict"]["outcome"] == "inconclusive");
  CHECK(tasks[5]["skipped"].is_string());  // the model has no tasks folder
  const std::string table = section.to_string();
  check_says(table, "tasks: skipped, not available: the model has no task files");
  check_says(table, "acc_norm_token");
  check_says(table, "mmlu (mmlu.jsonl), slow: inconclusive, ");
  CHECK(section.passed());
}

TEST_CASE(
    "a task file that is named and not there is an error; only the model's own may be missing") {
  for (std::vector<std::string> TaskOptions::*files :
       {&TaskOptions::mmlu, &TaskOptions::hellaswag, &TaskOptions::retrieval,
        &TaskOptions::prompts}) {
    TaskOptions options;
    options.*files = {"/no/such/file"};
    CHECK_THROWS_WITH_AS(TaskSection(options, kChat), doctest::Contains("/no/such/file"),
                         qwench::Error);
  }
  TaskOptions shipped;
  shipped.shipped = true;
  const TaskSection section(shipped, kChat);
  CHECK(!section.empty());
  CHECK(!section.runnable());
  CHECK(section.passed());
}

TEST_CASE("the greedy text of a prompt is the one that generation gives") {
  Scene s;
  TaskOptions options;
  options.prompts = {kTasks + "/prompts.json"};
  options.limit = 1;
  TaskSection section(options, kChat);
  section.run("plain", s.loaded, s.text, s.options);
  const OrderedJson result = section.to_json()[0]["results"][0];
  REQUIRE(result["predictions"].size() == 1);
  std::vector<int32_t> ids = greedy(TestModel(kChat), s.text.tokenizer->encode("Hello, world!"), 8);
  ids.erase(
      std::find_first_of(ids.begin(), ids.end(), s.text.stop_ids.begin(), s.text.stop_ids.end()),
      ids.end());
  CHECK(result["predictions"][0] == s.text.plain_text(ids));
}

TEST_CASE("the task files of a model folder are found by name, in order") {
  const ScratchFolder folder;
  const std::string mmlu = qwench::read_file(kTasks + "/mmlu.jsonl", 1 << 20);
  folder.write("tasks/mmlu-b.jsonl", mmlu);
  folder.write("tasks/mmlu-a.jsonl", mmlu);
  folder.write("tasks/prompts.json", qwench::read_file(kTasks + "/prompts.json", 1 << 20));
  folder.write("tasks/README.md", "no task");
  TaskOptions options;
  options.shipped = true;
  const OrderedJson tasks = TaskSection(options, folder.path()).to_json();
  REQUIRE(tasks.size() == 3);
  check_says(tasks[0]["file"], "mmlu-a.jsonl");
  check_says(tasks[1]["file"], "mmlu-b.jsonl");
  CHECK(tasks[2]["task"] == "prompts");
  CHECK(TaskSection(TaskOptions{}, folder.path()).empty());
}

TEST_CASE("a custom metric without prompts, or a model without a tokenizer, is a usage error") {
  TaskOptions options;
  options.metrics = {"a=b"};
  CHECK_THROWS_AS(TaskSection(options, kChat), qwench::UsageError);
  Scene s;
  s.text.tokenizer.reset();
  options.metrics.clear();
  options.retrieval = {kTasks + "/retrieval.jsonl"};
  TaskSection section(options, kChat);
  CHECK_THROWS_WITH_AS(section.run("x", s.loaded, s.text, s.options),
                       doctest::Contains("expected a tokenizer"), qwench::UsageError);
}
