// Tables on a terminal: never wider than it, and with every word and number that a pipe gets.
#include "bench/support/terminal.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "bench/support/table.h"
#include "tests/bench/program.h"

using namespace qwench;
using namespace qwench::bench;
using namespace qwench::test;

namespace {

/// Back to plain text when the test ends.
struct TerminalOf {
  explicit TerminalOf(size_t columns, bool colour = false) { set_terminal({columns, colour}); }
  ~TerminalOf() { set_terminal({}); }
};

Table example() {
  Table table({"<configuration", "<kernel policy in force", "tokens per second", "<verdict"});
  table.add({"qwen3-0.6b q4_0, kv f16", "linear=q4_0_maddubs_avx2,attention=reference", "108.64",
             "pass"});
  table.add({"größer", "default", "1.5", "not_separated"});
  return table;
}

size_t widest(const std::string& text) {
  size_t most = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) most = std::max(most, width_of(line));
  return most;
}

/// The text without blanks, dashes and line breaks.
std::string letters(std::string text) {
  text.erase(std::remove_if(text.begin(), text.end(),
                            [](char c) { return c == ' ' || c == '-' || c == '\n'; }),
             text.end());
  return text;
}

/// A row of the number of its column and a long text, as many columns as asked for.
Table wide(size_t columns) {
  std::vector<std::string> headings, cells;
  for (size_t i = 0; i < columns; ++i) {
    headings.push_back((i % 2 ? "" : "<") + fmt::format("heading {}", i));
    cells.push_back(i % 2 ? std::to_string(1000000 + i) : fmt::format("some words of cell{}", i));
  }
  Table table(headings);
  table.add(cells);
  return table;
}

}  // namespace

TEST_CASE("a pipe gets a table as wide as it is, without colours") {
  const std::string text = example().to_string();
  CHECK(widest(text) > 100);
  CHECK(text.find("\x1b[") == std::string::npos);
  CHECK(text.find("linear=q4_0_maddubs_avx2,attention=reference") != std::string::npos);
}

TEST_CASE("on a terminal no line is wider than it: texts wrap within their columns") {
  for (const size_t columns : {200, 100, 80, 70}) {
    const TerminalOf terminal(columns);
    const std::string text = example().to_string();
    INFO(text);
    CHECK(widest(text) <= columns);
    for (const char* part : {"qwen3-0.6b", "q4_0,", "108.64", "pass", "größer", "not_separated"})
      CHECK_MESSAGE(text.find(part) != std::string::npos, part);
  }
}

TEST_CASE("columns that have no room go on below, with the first one repeated; none is lost") {
  for (const size_t columns : {60, 80, 120}) {
    const TerminalOf terminal(columns);
    const std::string text = wide(20).to_string();
    INFO(text);
    CHECK(widest(text) <= columns);
    for (int i = 0; i < 20; ++i)
      CHECK_MESSAGE(letters(text).find(i % 2 ? std::to_string(1000000 + i)
                                             : fmt::format("cell{}", i)) != std::string::npos,
                    i);
    size_t first = 0;
    for (size_t at = 0; (at = text.find("words of cell0", at)) != std::string::npos; ++at) ++first;
    CHECK(first > 1);
  }
}

TEST_CASE(
    "below as above a row says which one it is: all columns that tell rows apart are repeated") {
  Table table({"<dtype", "<kernel", "tokens", "<a long description", "GB/s", "<note"});
  const std::string words = "a few words that make this column as wide as the terminal allows";
  for (const char* kernel : {"eigen", "reference"})
    for (const char* tokens : {"1", "512"}) table.add({"f32", kernel, tokens, words, "1.5", words});
  Table layers({"<configuration", "layer", "<a long description", "<note"});
  for (const char* layer : {"0", "1"})
    layers.add({*layer == '0' ? "default" : "", layer, words, words});
  const TerminalOf terminal(60);
  const std::string text = table.to_string(), of_layers = layers.to_string();
  INFO(text, of_layers);
  CHECK(widest(text) <= 60);
  const auto count = [](const std::string& all, std::string_view what) {
    int n = 0;
    for (size_t at = 0; (at = all.find(what, at)) != std::string::npos; ++at) ++n;
    return n;
  };
  for (const char* heading :
       {"dtype", "kernel", "tokens", "eigen         512", "reference       1"})
    CHECK_MESSAGE(count(text, heading) == 2, heading);
  CHECK(count(of_layers, "configuration  layer") == 2);
}

TEST_CASE("where not even two columns have room every row is a paragraph with its headings") {
  const TerminalOf terminal(30);
  const std::string text = example().to_string();
  INFO(text);
  CHECK(widest(text) <= 30);
  CHECK(text.find("tokens per second: 108.64\n") != std::string::npos);
  CHECK(text.find("verdict: not_separated\n") != std::string::npos);
}

TEST_CASE("numbers are never divided") {
  Table table({"<name", "number"});
  table.add({"a name of several words", "12345678901234567890"});
  const TerminalOf terminal(30);
  CHECK(table.to_string().find("12345678901234567890") != std::string::npos);
  Table one({"number"});
  one.add({"123456789012345678901234567890123456789012345678901234567890"});
  CHECK(letters(one.to_string()).find("0123456789012345") != std::string::npos);
}

TEST_CASE("verdicts are in colour where there are colours, and align as without") {
  const std::string plain = example().to_string();
  const TerminalOf terminal(0, true);
  std::string text = example().to_string();
  CHECK(text.find("\x1b[32mpass\x1b[0m") != std::string::npos);
  CHECK(text.find("\x1b[33mnot_separated\x1b[0m") != std::string::npos);
  for (const char* code : {"\x1b[32m", "\x1b[33m", "\x1b[0m"})
    for (size_t at = 0; (at = text.find(code, at)) != std::string::npos;)
      text.erase(at, std::string(code).size());
  CHECK(text == plain);
}

TEST_CASE("text is broken behind blanks and signs, inside a word only where it must be") {
  CHECK(wrapped("one two three", 8) == std::vector<std::string>{"one two", "three"});
  CHECK(wrapped("one", 3) == std::vector<std::string>{"one"});
  CHECK(wrapped("a=1,b=22", 4) == std::vector<std::string>{"a=1,", "b=22"});
  CHECK(wrapped("abcdefgh", 3) == std::vector<std::string>{"abc", "def", "gh"});
  CHECK(wrapped("äöüß", 2) == std::vector<std::string>{"äö", "üß"});
  CHECK(wrapped("", 3) == std::vector<std::string>{""});
}

TEST_CASE("a pipe has colours only on request, and NO_COLOR has the last word") {
  if (!available()) return;
  const std::string arguments =
      "report " + std::string(QWENCH_SOURCE_DIR) + "/tests/data/report/accuracy.json";
  const auto has_colours = [&] { return run(arguments).out.find("\x1b[") != std::string::npos; };
  CHECK(!has_colours());
  setenv("FORCE_COLOR", "1", 1);
  CHECK(has_colours());
  setenv("NO_COLOR", "1", 1);
  CHECK(!has_colours());
  unsetenv("FORCE_COLOR"), unsetenv("NO_COLOR");
}
