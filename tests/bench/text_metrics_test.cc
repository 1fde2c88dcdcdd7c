// The published metrics to the digit, and the user's own as processes that may do anything.
#include <doctest/doctest.h>

#include <cmath>

#include "bench/text_metrics/custom_metric.h"
#include "bench/text_metrics/ngrams.h"
#include "bench/text_metrics/python_text.h"
#include "bench/text_metrics/scores.h"
#include "engine/base/check.h"
#include "tests/bench/program.h"
#include "tests/support/scratch.h"
#include "tests/support/test_model.h"

using namespace qwench::bench;
using namespace qwench::test;
using qwench::Json;

namespace {

using Words = std::vector<std::string>;

struct Pairs {
  std::vector<std::string> predictions, references;
  std::vector<Json> expected;
};

Pairs golden_pairs() {
  Pairs pairs;
  const std::string path = data_folder("text-metrics") + "/pairs.jsonl";
  const std::string text = qwench::read_file(path, 1 << 20);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    pairs.expected.push_back(qwench::parse_json(text.substr(at, end - at), path));
    pairs.predictions.push_back(pairs.expected.back()["prediction"]);
    pairs.references.push_back(pairs.expected.back()["reference"]);
    at = end + 1;
  }
  return pairs;
}

void check_near(double got, const Json& expected) {
  CHECK(std::fabs(got - expected.get<double>()) <= 1e-6);
}

void check_score(const PrecisionRecall& got, const Json& expected) {
  check_near(got.precision, expected["precision"]);
  check_near(got.recall, expected["recall"]);
  check_near(got.f1, expected["f1"]);
}

/// What run_metric says when the command is wrong.
std::string failure(const std::string& command, size_t n_lines = 2) {
  try {
    run_metric({"mine", command}, std::vector<std::string>(n_lines, "{}\n"));
  } catch (const qwench::Error& error) {
    return error.what();
  }
  return "nothing";
}

void check_failure(const std::string& command, const std::string& said) {
  const std::string message = failure(command);
  INFO(command);
  INFO(message);
  CHECK(message.find("mine") != std::string::npos);
  CHECK(message.find(said) != std::string::npos);
}

}  // namespace

TEST_CASE("ROUGE and BLEU are those of rouge-score 0.1.2 and sacreBLEU 2.6") {
  const Pairs pairs = golden_pairs();
  REQUIRE(pairs.expected.size() == 80);
  const TextScores scores = score_texts(pairs.predictions, pairs.references);
  for (size_t i = 0; i < pairs.expected.size(); ++i) {
    INFO(i);
    check_score(scores.rouge[i].rouge1, pairs.expected[i]["rouge1"]);
    check_score(scores.rouge[i].rouge2, pairs.expected[i]["rouge2"]);
    check_score(scores.rouge[i].rougeL, pairs.expected[i]["rougeL"]);
    check_near(scores.sentence_bleu[i], pairs.expected[i]["sentence_bleu"]);
  }
  const Json corpus = qwench::parse_json_file(data_folder("text-metrics") + "/corpus.json");
  check_near(scores.corpus_bleu.score, corpus["corpus_bleu"]);
  check_near(scores.corpus_bleu.brevity_penalty, corpus["brevity_penalty"]);
  for (size_t i = 0; i < 4; ++i)
    check_near(scores.corpus_bleu.precisions[i], corpus["precisions"][i]);
  CHECK(corpus["signature"] == kBleuSignature);
  CHECK(corpus["sentence_signature"] == kSentenceBleuSignature);
}

TEST_CASE("a swapped pair exchanges precision and recall: the golden check can fail") {
  const Rouge r = rouge("a b c d", "a b"), swapped = rouge("a b", "a b c d");
  CHECK(r.rouge1.precision == doctest::Approx(0.5));
  CHECK(r.rouge1.recall == 1);
  CHECK(swapped.rouge1.precision == 1);
  CHECK(sentence_bleu(count_bleu("a b", "a b c d")).brevity_penalty ==
        doctest::Approx(std::exp(-1)));
  CHECK(sentence_bleu(count_bleu("a b c d", "a b")).brevity_penalty == 1);
}

TEST_CASE("ROUGE keeps letters and digits of ASCII, after lower-casing all of Unicode") {
  CHECK(rouge_words("Don't stop-42!") == Words{"don", "t", "stop", "42"});
  CHECK(rouge_words("\xC4\xB0zmir \xE2\x84\xAA") == Words{"i", "zmir", "k"});  // I with dot, Kelvin
  CHECK(rouge_words("caf\xC3\xA9s \xE4\xB8\xAD") == Words{"caf", "s"});
  CHECK(rouge_words("").empty());
}

TEST_CASE("the 13a tokenizer undoes entities, joins hyphenated lines and spares numbers") {
  CHECK(tokenize_13a("&quot;x&quot; &amp;lt; 3") == Words{"\"", "x", "\"", "<", "3"});
  CHECK(tokenize_13a("ab-\ncd<skipped>e\nf") == Words{"abcde", "f"});
  CHECK(tokenize_13a("3.5, 1,000 e.g. U.S.") ==
        Words{"3.5", ",", "1,000", "e", ".", "g", ".", "U", ".", "S", "."});
  CHECK(tokenize_13a("1990-95 well-known don't") ==
        Words{"1990", "-", "95", "well-known", "don't"});
  CHECK(tokenize_13a("a\xC2\xA0"
                     "b\x1C"
                     "c  ") == Words{"a", "b", "c"});
  CHECK(tokenize_13a("end-\n") == Words{"end-"});  // trailing white space goes first
}

TEST_CASE("nothing to compare scores 0, not NaN") {
  for (const auto& [prediction, reference] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"", "a"}, {"a", ""}, {"!", "?"}}) {
    const TextScores s = score_texts({prediction}, {reference});
    CHECK(s.rouge[0].rougeL.f1 == 0);
    CHECK(s.sentence_bleu[0] == 0);
    CHECK(s.corpus_bleu.score == 0);
  }
}

TEST_CASE("white space is Python's") {
  CHECK(python_strip(" \x1F\xE3\x80\x80 a b\xC2\x85\n") == "a b");
  CHECK(python_strip(" \n") == "");
  CHECK(python_rstrip(" a ") == " a");
  CHECK(python_split("a\tb  c").size() == 3);
  CHECK(python_replace("aaa", "aa", "b") == "ba");
  CHECK(python_length("\xC3\xA9\xF0\x9F\x98\x80x") == 3);
}

TEST_CASE("a metric of the user's own gets the lines and answers with numbers") {
  const std::vector<std::string> lines = {"{\"a\":1}\n", "{\"abc\":2}\n"};
  CHECK(run_metric({"length", "while read -r line; do echo ${#line}; done"}, lines) ==
        std::vector<double>{7, 9});
  CHECK(run_metric({"spaced", "printf ' 1.5e0 \\r\\n-2'"}, lines) == std::vector<double>{1.5, -2});
}

TEST_CASE("a metric that does not read its input, however long, is waited for and believed") {
  const std::vector<std::string> lines(20000, std::string(200, 'x') + "\n");
  CHECK(run_metric({"deaf", "seq 20000"}, lines).back() == 20000);
  CHECK(run_metric({"closed", "exec <&-; seq 20000"}, lines).size() == 20000);
}

TEST_CASE("a metric that fails says how") {
  check_failure("echo 1", "expected 2 lines, one number for each line of its input, got 1");
  check_failure("seq 3", "got 3");
  check_failure("true", "got 0");
  check_failure("echo 1; echo two", "line 2 of its output, got 'two'");
  check_failure("echo nan; echo 1", "'nan'");
  check_failure("echo 0x10; echo 1", "'0x10'");
  check_failure("echo 1e999; echo 1", "'1e999'");
  check_failure("echo 1; echo", "empty line");
  check_failure("seq 2; exit 3", "exit code 3");
  check_failure("seq 2; kill -9 $$", "signal 9");
  check_failure("no-such-command-of-qwench", "cannot find");
  check_failure("yes 1", "bytes that begin with '1'");
}

TEST_CASE("--metric wants a name and a command") {
  CHECK(parse_metrics({"a=b=c"})[0].command == "b=c");
  for (const char* wrong : {"", "a", "a=", "=b", "a b=c", "a= "})
    CHECK_THROWS_AS(parse_metrics({wrong}), qwench::UsageError);
  CHECK_THROWS_AS(parse_metrics({"a=b", "a=c"}), qwench::UsageError);
}

TEST_CASE("score prints a table, or a document with every line") {
  if (!available()) return;
  const std::string file = data_folder("text-metrics") + "/pairs.jsonl";
  const Outcome table = run("score " + file);
  CHECK(table.code == 0);
  CHECK(table.out.find("74.58") != std::string::npos);
  const Outcome o = run("score " + file + " --json --metric 'one=yes 1 | head -80'");
  REQUIRE_MESSAGE(o.code == 0, o.err);
  const Json json = qwench::parse_json(o.out, "stdout");
  CHECK(json["lines"].size() == 80);
  check_near(json["corpus_bleu"].get<double>(), 74.57851363499175);
  CHECK(json["signature"] == kBleuSignature);
  CHECK(json["lines"][3]["rougeL"]["f1"] == 1);
  CHECK(json["lines"][79]["metrics"]["one"] == 1);
  CHECK(json["metrics"]["one"] == 1);
}

TEST_CASE("score refuses a wrong file with its line, and a wrong command line with 2") {
  if (!available()) return;
  const ScratchFolder folder;
  const std::string good = "{\"prediction\": \"a\", \"reference\": \"b\"}\n";
  const auto refuse = [&](const std::string& bytes, const std::string& said) {
    const Outcome o = run("score " + folder.write("pairs.jsonl", bytes));
    INFO(o.err);
    CHECK(o.code == 1);
    CHECK(o.err.find(said) != std::string::npos);
    CHECK(o.out.empty());
  };
  refuse(good + "{\"prediction\": \"a\"}\n", "pairs.jsonl:2: key 'reference' is missing");
  refuse(good + "\n" + "{\"prediction\": 1, \"reference\": \"b\"}\n", "pairs.jsonl:3");
  refuse(good + "{\"prediction\": \"\xFF\", \"reference\": \"b\"}\n",
         "pairs.jsonl:2: expected UTF-8");
  refuse(good + "{\"prediction\": ", "pairs.jsonl:2: not valid JSON");
  refuse(good + "[1]\n", "pairs.jsonl:2: expected a JSON object");
  refuse("", "pairs.jsonl:1: expected at least one item, got an empty file");
  refuse(" \n\n", "pairs.jsonl:1");
  const Outcome missing = run("score " + folder.file("none.jsonl"));
  CHECK(missing.code == 1);
  CHECK(missing.err.find("No such file") != std::string::npos);
  check_usage_error("score", "file");
  check_usage_error("score x --metric nothing", "NAME=COMMAND");
  check_usage_error("score x --jsn", "did you mean --json?");
  const Outcome failed = run("score " + folder.write("ok.jsonl", good) + " --metric m=false");
  CHECK(failed.code == 1);
  CHECK(failed.err.find("metric m: expected it to exit with 0, got exit code 1") !=
        std::string::npos);
}
