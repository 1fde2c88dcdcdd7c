// The JSON door: what is refused, with what words, and how fast.
#include "engine/base/json.h"

#include <doctest/doctest.h>

#include <ctime>

#include "engine/base/check.h"
#include "tests/support/peak_memory.h"
#include "tests/support/scratch.h"

using namespace qwench;
using test::kMemoryFactor;
using test::peak_kib;
using test::ScratchFolder;

namespace {
/// Of this process alone: what else the machine does is not counted.
double cpu_seconds() { return double(std::clock()) / CLOCKS_PER_SEC; }
std::string repeated(const std::string& text, size_t n) {
  std::string out;
  for (size_t i = 0; i < n; ++i) out += text;
  return out;
}
}  // namespace

#define CHECK_REFUSED(expression, words) \
  CHECK_THROWS_WITH_AS((void)(expression), doctest::Contains(words), Error)

TEST_CASE("JSON that is well formed is read as it is") {
  const Json json = parse_json(R"( {"a":[1,-2,3.5,"x",null,true,{"b":[]}],"c":{}} )", "t");
  CHECK(json.dump() == R"({"a":[1,-2,3.5,"x",null,true,{"b":[]}],"c":{}})");
  CHECK(parse_json("7", "t") == 7);
  CHECK(parse_json(R"("\u00e4\ud83d\ude00")", "t") == "\xc3\xa4\xf0\x9f\x98\x80");
  CHECK(parse_json(R"({"a":{"k":1},"b":{"k":2}})", "t").at("b").at("k") == 2);
}

TEST_CASE("JSON that is not JSON is an Error naming the source") {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[1,]",
                           "{\"a\":}",
                           "{\"a\" 1}",
                           "{'a':1}",
                           "[NaN]",
                           "[Infinity]",
                           "[-Infinity]",
                           "[1] x",
                           "[1]]",
                           "// c\n1",
                           "[01]",
                           "[+1]",
                           "[.5]",
                           "[1.]",
                           "\"\x01\"",
                           "tru",
                           "[\"\xff\"]",
                           "[\"\xc3\"]",
                           "[\"\xed\xa0\x80\"]",
                           R"(["\ud800"])",
                           R"(["\udc00"])",
                           R"(["\x"])"})
    CHECK_REFUSED(parse_json(text, "case.json"), "case.json");
  CHECK_REFUSED(parse_json("[1e400]", "t"), "1e400");
  CHECK_REFUSED(parse_json(std::string("{}\0", 3), "t"), "NUL at byte 2");
  CHECK_REFUSED(parse_json(std::string("\0", 1), "t"), "NUL at byte 0");
}

TEST_CASE("a duplicate key is an Error at any level") {
  CHECK_REFUSED(parse_json(R"({"a":1,"a":2})", "t"), "key 'a' appears twice");
  CHECK_REFUSED(parse_json(R"([{"x":{"b":1,"c":2,"b":3}}])", "t"), "key 'b' appears twice");
  CHECK_REFUSED(parse_json("{\"a\":1,\"\\u0061\":2}", "t"), "appears twice");
}

TEST_CASE("depth and size are capped") {
  CHECK_NOTHROW(parse_json(repeated("[", 64) + repeated("]", 64), "t"));
  CHECK_REFUSED(parse_json(repeated("[", 65) + repeated("]", 65), "t"), "deeper than 64");
  CHECK_REFUSED(parse_json(repeated("{\"a\":", 100) + "1" + repeated("}", 100), "t"), "deeper");
  CHECK_REFUSED(parse_json("[1,2,3]", "t", {6, 64}), "at most 6 bytes");
  CHECK_NOTHROW(parse_json("[1,[2],3]", "t", {99, 64, 5}));
  CHECK_REFUSED(parse_json("[1,[2],3]", "t", {99, 64, 4}), "expected at most 4 values, got more");
  const std::string deep = repeated("[", 5000000);
  const double start = cpu_seconds();
  CHECK_REFUSED(parse_json(deep, "t"), "deeper");
  CHECK(cpu_seconds() - start < 1);
}

TEST_CASE("a hostile document takes no more memory than its values are allowed") {
  const ScratchFolder folder;
  const std::string small = "[" + repeated("{},", (16 << 20) / 3 - 10) + "0]";
  const int64_t before = peak_kib();
  CHECK_REFUSED(parse_json_file(folder.write("c.json", small)), "expected at most 1048576 values");
  CHECK(peak_kib() - before <
        250 * 1024 * kMemoryFactor);  // 16 MB twice, and 80 bytes for each value
  CHECK_REFUSED(parse_json_file(folder.write("d.json", small + std::string(99, ' '))),
                "expected at most 16777216 bytes");
}

TEST_CASE("members of an object are handed over one by one, whatever they are") {
  const JsonLimits limits{1000, 3, 4};
  std::vector<std::pair<std::string, std::string>> got;
  const auto read = [&](const char* text) {
    got.clear();
    parse_json_members(text, "m", limits, [&](std::string name, const Json& value) {
      got.emplace_back(std::move(name), value.dump());
    });
    return got.size();
  };
  CHECK(read(R"( {"a":1,"b":{"c":[1,2]},"a":"x","d":[],"e":null} )") == 5);
  CHECK(got[1] == std::pair<std::string, std::string>("b", R"({"c":[1,2]})"));
  CHECK(got[2] == std::pair<std::string, std::string>("a", "\"x\""));
  CHECK(got[4].second == "null");
  CHECK(read("{}") == 0);
  CHECK_REFUSED(read("[1]"), "m: expected an object, got an array");
  CHECK_REFUSED(read("7"), "m: expected an object, got 7");
  CHECK_REFUSED(read(R"({"a":[1,2,3,4]})"), "expected at most 4 values in a member");
  CHECK_REFUSED(read(R"({"a":[[[1]]]})"), "deeper than 3");
  CHECK_REFUSED(read(R"({"a":{"b":1,"b":2}})"), "key 'b' appears twice");
  CHECK_REFUSED(read(R"({"a":1)"), "not valid JSON");
}

TEST_CASE("what lies under the name of a JSON file is named for what it is") {
  const ScratchFolder folder;
  const auto refused = [&](const std::string& bytes, const char* words) {
    CHECK_REFUSED(parse_json_file(folder.write("tokenizer.json", bytes)), words);
  };
  refused("version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 11422654\n",
          "got a Git LFS pointer that stands for the file; run `git lfs pull`");
  refused("\n<!DOCTYPE html><html>", "a web page");
  refused("<?xml version=\"1.0\"?><Error>", "a web page or an error in XML");
  refused("PK\x03\x04", "a zip archive");
  refused(std::string(4096, '\0'), "only zeros at its start");
  refused("GGUF", "a GGUF file");
  refused("Entry not found", "not valid JSON");
}

TEST_CASE("300,000 keys are read in seconds, not minutes") {
  std::string text = "{";
  for (int i = 0; i < 300000; ++i) text += fmt::format("{}\"key{}\":{}", i ? "," : "", i, i);
  text += "}";
  const double start = cpu_seconds();
  CHECK(parse_json(text, "t", {32 << 20, 64, 2 << 20}).size() == 300000);
  CHECK(cpu_seconds() - start < 10);  // 0.3 s optimised, 3 s under sanitizers on a slow machine
}

TEST_CASE("what a message repeats of the input is short and printable") {
  std::string text = "{\"\xc3\xa4\x7f" + std::string(5000, 'k') + "\":1,";
  text += text.substr(1) + "\"x\":1}";
  try {
    (void)parse_json(text, "t");
    FAIL("accepted");
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK(message.size() < 300);
    for (const char c : message) CHECK((c >= 0x20 && c < 0x7f));
  }
  CHECK(in_quotes("a\x1b[31m") == "'a?[31m'");
}

TEST_CASE("read_int takes integers in range only") {
  const Json j =
      parse_json(R"({"i":5,"neg":-3,"big":9223372036854775808,"huge":18446744073709551616,
    "real":1.0,"exp":1e3,"text":"36","bool":true,"null":null,"max":9223372036854775807,"z":-0})",
                 "t");
  CHECK(read_int(j, "i", 0, 5, "t") == 5);
  CHECK(read_int(j, "neg", -3, 5, "t") == -3);
  CHECK(read_int(j, "max", 0, INT64_MAX, "t") == INT64_MAX);
  CHECK(read_int(j, "z", 0, 1, "t") == 0);
  for (const char* key : {"big", "huge", "real", "exp", "text", "bool", "null"})
    CHECK_REFUSED(read_int(j, key, INT64_MIN, INT64_MAX, "f.json"), "expected an integer");
  CHECK_REFUSED(read_int(j, "i", 6, 9, "f.json"), "i: expected an integer from 6 to 9, got 5");
  CHECK_REFUSED(read_int(j, "none", 0, 1, "f.json"), "'none' is missing");
  CHECK_REFUSED(read_int(Json(3), "i", 0, 1, "f.json"), "expected an object, got 3");
}

TEST_CASE("the other readers check type and range") {
  const Json j = parse_json(R"({"x":0.5,"i":2,"s":"t","b":false,"n":null,"a":[1,2]})", "t");
  CHECK(read_number(j, "x", 0, 1, "t") == 0.5);
  CHECK(read_number(j, "i", 0, 2, "t") == 2);
  CHECK_REFUSED(read_number(j, "x", 0.6, 1, "f"), "x: expected a number from 0.6 to 1, got 0.5");
  CHECK_REFUSED(read_number(j, "s", 0, 1, "f"), "got 't'");
  CHECK(read_bool(j, "b", true, "t") == false);
  CHECK(read_bool(j, "none", true, "t") == true);
  CHECK(read_bool(j, "n", true, "t") == true);
  CHECK_REFUSED(read_bool(j, "i", true, "f"), "expected true or false, got 2");
  CHECK(read_string(j, "s", "t") == "t");
  CHECK_REFUSED(read_string(j, "a", "f"), "expected a string, got an array of 2");
  CHECK(has(j, "x"));
  CHECK_FALSE(has(j, "n"));
  CHECK_FALSE(has(Json(1), "n"));
}
