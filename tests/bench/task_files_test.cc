// Task files: every form read, every malformed one refused with its line.
#include <doctest/doctest.h>

#include "bench/support/csv.h"
#include "bench/tasks/hellaswag.h"
#include "bench/tasks/mmlu.h"
#include "bench/tasks/prompt_task.h"
#include "bench/tasks/retrieval.h"
#include "engine/base/check.h"
#include "tests/support/scratch.h"
#include "tests/support/test_model.h"

using namespace qwench::bench;
using namespace qwench::test;

namespace {

using Words = std::vector<std::string>;

const std::string kTasks = data_folder("tasks");

/// The message of the Error that reading a file of these bytes ends in.
template <class Read>
std::string refusal(const ScratchFolder& folder, const std::string& name, const std::string& bytes,
                    Read&& read) {
  try {
    read(folder.write(name, bytes));
  } catch (const qwench::Error& error) {
    return error.what();
  }
  return "nothing";
}

void check_says(const std::string& message, const std::string& said) {
  INFO(message);
  CHECK(message.find(said) != std::string::npos);
}

Words texts_of(const LikelihoodItem& item) {
  Words texts;
  for (const Ending& ending : item.endings) texts.push_back(ending.continuation);
  return texts;
}

}  // namespace

TEST_CASE("CSV cells may hold commas, quotes and line breaks, and rows know their line") {
  const auto rows = parse_csv("a,\"b,\"\"c\"\"\nd\",\r\n\n\"\",x\"y\n", "f");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].cells == Words{"a", "b,\"c\"\nd", ""});
  CHECK(rows[0].line == 1);
  CHECK(rows[1].cells == Words{"", "x\"y"});
  CHECK(rows[1].line == 4);
  CHECK_THROWS_WITH_AS(parse_csv("a\n\"b\nc", "f"), doctest::Contains("f:2: expected a closing"),
                       qwench::Error);
  CHECK_THROWS_WITH_AS(parse_csv("a\n\"b\nc\"d", "f"), doctest::Contains("f:3: expected a comma"),
                       qwench::Error);
}

TEST_CASE("the MMLU release folder gives the prompts of lm-evaluation-harness") {
  const MmluSet set = read_mmlu(kTasks + "/mmlu", 0);
  REQUIRE(set.test.size() == 5);
  CHECK(set.shots.size() == 4);
  const auto items = mmlu_items(set, 1, "mmlu");
  CHECK(items[3].context ==
        "The following are multiple choice questions (with answers) about road signs.\n\n"
        "Which colour has a stop sign?\nA. Red\nB. Green\nC. Blue\nD. White\nAnswer: A\n\n"
        "A sign says \"STOP\".\nWhat does it ask for?\nA. To stop, fully\nB. To go\n"
        "C. To say \"stop\"\nD. Nothing\nAnswer:");
  CHECK(texts_of(items[3]) == Words{" A", " B", " C", " D"});
  CHECK(items[3].answer == 0);
  CHECK(items[3].group == "road signs");
  CHECK(items[3].where.find("road_signs_test.csv:2") != std::string::npos);
  CHECK(items[4].where.find("road_signs_test.csv:4") != std::string::npos);
  CHECK(read_mmlu(kTasks + "/mmlu", 1).test.size() == 2);  // of each file
  CHECK(read_mmlu(kTasks + "/mmlu/test/counting_test.csv", 0).shots.size() == 2);
  CHECK_THROWS_WITH_AS(mmlu_items(set, 3, "mmlu"),
                       doctest::Contains("--shots 3: expected as many examples about counting"),
                       qwench::Error);
}

TEST_CASE("MMLU as JSON lines: subject, group and examples are optional") {
  const MmluSet set = read_mmlu(kTasks + "/mmlu.jsonl", 0);
  REQUIRE(set.test.size() == 3);
  CHECK(set.shots.size() == 1);
  const auto items = mmlu_items(set, 0, "mmlu.jsonl");
  CHECK(items[1].context == "What comes after nine?\nA. 8\nB. 9\nC. 10\nD. 11\nAnswer:");
  CHECK(items[1].answer == 2);
  CHECK(items[1].group == "order");
  CHECK(items[2].group == "counting");
  CHECK(items[0].context.rfind("The following are", 0) == 0);
}

TEST_CASE("HellaSwag lines of the release are prepared as lm-evaluation-harness does") {
  const auto items = read_hellaswag(kTasks + "/hellaswag.jsonl", 0);
  REQUIRE(items.size() == 3);
  CHECK(items[0].context ==
        "Removing ice from car: Then, the man writes over the snow covering the window of a car. "
        "Then");
  CHECK(items[0].endings[2].continuation == " , the man puts on a coat, made of wool.");
  CHECK(items[0].endings[2].characters == 39);
  CHECK(items[0].answer == 3);
  CHECK(items[1].context == "Home and Garden: How to tie a knot. Take the rope. Hold it");
  CHECK(items[1].endings[0].continuation == " in one hand. Either will do.");
  CHECK(items[2].context == "Two cats sit on a wall. One");  // no activity label: as it is
  CHECK(items[2].endings[1].continuation == " reads [title] a book.");
  CHECK(items[2].group == "cats");
}

TEST_CASE("llama.cpp's HellaSwag text is six lines an item") {
  const auto items = read_hellaswag(kTasks + "/hellaswag.txt", 0);
  REQUIRE(items.size() == 2);
  CHECK(items[0].context == "Baking: A woman stirs a bowl. She");
  CHECK(items[0].answer == 2);
  CHECK(items[1].endings[0].continuation == " jumps down.");
  CHECK(items[1].where.find("hellaswag.txt:7") != std::string::npos);
  CHECK(read_hellaswag(kTasks + "/hellaswag.txt", 1).size() == 1);
}

TEST_CASE("a malformed MMLU file is refused with its line") {
  const ScratchFolder folder;
  const auto csv = [&](const std::string& bytes) {
    return refusal(folder, "x.csv", bytes, [](const std::string& p) { read_mmlu(p, 0); });
  };
  check_says(csv("q,a,b,c,d,A\n\nq,a,b,c,A\n"), "x.csv:3: expected 6 columns");
  check_says(csv("\"q\n\",a,b,c,d,A\nq,a,b,c,d,E\n"), "got 'E' (");
  check_says(csv("\"q\n\",a,b,c,d,A\nq,a,b,c,d,E\n"), "x.csv:3)");
  check_says(csv("question,A,B,C,D,answer\nq,a,b,c,d,A\n"), "no header line");
  check_says(csv("q,a,b,c,d,A\n,a,b,c,d,A\n"), "x.csv:2: expected a question");
  check_says(csv("q,a,b,c,d,A\nq,\"a,b,c,d,A\n"), "x.csv:2: expected a closing quote");
  check_says(csv("q,a,b,c,d,A\nq,\xC3(,b,c,d,A\n"), "x.csv:2: expected UTF-8");
  check_says(csv(""), "x.csv:1: expected at least one item");
  const auto json = [&](const std::string& line) {
    return refusal(folder, "x.jsonl", "\n" + line, [](const std::string& p) { read_mmlu(p, 0); });
  };
  const std::string begin = R"({"question": "q", "choices": ["a","b","c","d"])";
  check_says(json(begin + "}"), "x.jsonl:2: key 'answer' is missing");
  check_says(json(begin + R"(, "answer": 4})"), "x.jsonl:2)");
  check_says(json(begin + R"(, "answer": "E"})"), "expected A, B, C or D");
  check_says(json(begin + R"(, "answer": "\u0000"})"), "expected A, B, C or D, got '?'");
  check_says(json(begin + R"(, "answer": 1.0})"), "0 to 3");
  check_says(json(begin + R"(, "answer": 1, "split": "x"})"), "dev, validation or test");
  check_says(json(begin + R"(, "answer": 1, "split": "dev"})"), "only examples");
  check_says(json(R"({"choices": ["a","b","c","d"], "answer": 1})"), "'question' is missing");
  check_says(json(R"({"question": "q", "choices": ["a","b","c"], "answer": 1})"), "got 3 elements");
  check_says(json(R"({"question": "q", "choices": ["a","b",3,"d"], "answer": 1})"), "choices[2]");
  check_says(refusal(folder, "none", "", [&](const std::string&) { read_mmlu(folder.path(), 0); }),
             "expected a release folder");
}

TEST_CASE("a malformed HellaSwag, retrieval or prompt file is refused with its line") {
  const ScratchFolder folder;
  const auto swag = [&](const std::string& name, const std::string& bytes) {
    return refusal(folder, name, bytes, [](const std::string& p) { read_hellaswag(p, 0); });
  };
  const std::string endings = R"("endings": ["a","b","c","d"])";
  check_says(swag("x.jsonl", "{" + endings + R"(, "label": 0})"), "x.jsonl:1: key 'ctx'");
  check_says(swag("x.jsonl", R"({"ctx": "c", )" + endings + "}"), "'label' is missing");
  check_says(swag("x.jsonl", R"({"ctx": "c", )" + endings + R"(, "label": ""})"), "test split");
  check_says(swag("x.jsonl", R"({"ctx": "c", )" + endings + R"(, "label": "4"})"), "x.jsonl:1");
  check_says(swag("x.jsonl", R"({"ctx": "c", "endings": ["a"], "label": 0})"), "1 elements");
  check_says(swag("x.jsonl", R"({"ctx": "c", "endings": ["a","","c","d"], "label": 0})"),
             "endings[1]");
  check_says(swag("x.jsonl", "no json\n"), "x.jsonl:1: not valid JSON");
  check_says(swag("x.txt", "c\n0\na\nb\nc\nd\nc\n1\n"), "x.txt:7: expected six lines");
  check_says(swag("x.txt", "c\n0\na\nb\nc\nd\nc\n5\na\nb\nc\nd\n"), "x.txt:8");
  check_says(swag("x.txt", "c\n0\na\n\nc\nd\n"), "x.txt:4");
  const auto needle = [&](const std::string& line) {
    return refusal(folder, "n.jsonl", line, [](const std::string& p) { read_retrieval(p, 0); });
  };
  check_says(needle(R"({"context": "c", "answer": "a"})"), "n.jsonl:1: key 'question'");
  check_says(needle(R"({"context": "c", "question": "", "answer": ""})"), "answer: expected text");
  check_says(needle(R"({"context": "c", "question": "", "answer": "a", "length": "x"})"), "length");
  const auto prompts = [&](const std::string& bytes) {
    return refusal(folder, "p.json", bytes, [](const std::string& p) { read_prompts(p, 0); });
  };
  check_says(prompts("{}"), "p.json:1: expected a JSON array");
  check_says(prompts("[]"), "an empty one");
  check_says(prompts("[\n{\"prompt\": \"[,{\", \"reference\": \"\\\"\"},\n\n {\"prompt\": \"\"}]"),
             "p.json:4");
  check_says(prompts("[\n{\"prompt\": \"a\"}]"), "p.json:2: key 'reference' is missing");
  check_says(prompts("[1]"), "p.json:1");
}
