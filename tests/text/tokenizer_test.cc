// Encoding and decoding: recorded cases, and the properties that hold for every text.
#include <random>
#include <sstream>

#include "engine/text/unicode.h"
#include "engine/text/utf8.h"
#include "tests/text/support.h"

namespace qwench::text_test {
namespace {

using Ids = std::vector<int32_t>;

std::unique_ptr<Tokenizer> small() { return open_tokenizer(data("tokenizer/small")); }

void check_cases(const Tokenizer& tokenizer, const std::string& file, size_t expected_rows) {
  const auto rows = read_jsonl(file);
  CHECK(rows.size() == expected_rows);
  for (const Json& row : rows) {
    const auto text = row["text"].get<std::string>();
    const Ids ids = row["ids"].get<Ids>();
    CAPTURE(text);
    CHECK(tokenizer.encode(text) == ids);
    CHECK(tokenizer.decode(ids, false) == row["decoded"].get<std::string>());
    CHECK(tokenizer.decode(ids, true) == row["plain"].get<std::string>());
  }
}

std::string stream(const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  StreamDecoder decoder(tokenizer, skip_special);
  std::string out;
  for (const int32_t id : ids) {
    const std::string part = decoder.push(id);
    CHECK(is_utf8(part));
    out += part;
  }
  return out + decoder.finish();
}

char32_t random_character(std::mt19937& random) {
  constexpr char32_t kLimits[] = {0x80, 0x300, 0x1000, 0xD800, 0x3100, 0x110000};
  for (;;) {
    const char32_t c = char32_t(random()) % kLimits[random() % std::size(kLimits)];
    if (c < 0xD800 || c > 0xDFFF) return c;
  }
}

TEST_CASE("tokenizer.json encodes and decodes every recorded case") {
  check_cases(*open_tokenizer(data("tokenizer/small/tokenizer.json")),
              data("tokenizer/small-ids.jsonl"), 272);
}

TEST_CASE("vocab.json with merges.txt encodes and decodes every recorded case") {
  check_cases(*open_tokenizer(data("tokenizer/small/vocab.json")),
              data("tokenizer/small-ids.jsonl"), 272);
}

TEST_CASE("the real Qwen vocabulary encodes and decodes every recorded case") {
  const std::string path = real_vocabulary();
  if (path.empty()) return;
  std::unique_ptr<Tokenizer> tokenizer;
  const double took = seconds([&] { tokenizer = open_tokenizer(path); });
  MESSAGE("loaded in " << took << " s");
  CHECK(tokenizer->size() == 151669);
  CHECK(tokenizer->find("</think>") == 151668);
  check_cases(*tokenizer, data("tokenizer/qwen2-ids.jsonl"), 672);
}

TEST_CASE("the real Qwen vocabulary gives the ids of llama.cpp's cases") {
  const std::string path = real_vocabulary();
  if (path.empty()) return;
  const auto tokenizer = open_tokenizer(path);
  std::string text = read_file(data("tokenizer/qwen2-cases.inp"), 1 << 20);
  std::ifstream expected(data("tokenizer/qwen2-cases.out"));
  const std::string mark = "\n__ggml_vocab_test__\n";
  int cases = 0;
  for (std::string line; std::getline(expected, line); ++cases) {
    const size_t end = text.find(mark);
    std::istringstream numbers(line);
    Ids ids;
    for (int32_t id; numbers >> id;) ids.push_back(id);
    CAPTURE(line);
    CHECK(tokenizer->encode(text.substr(0, end)) == ids);
    text.erase(0, end == std::string::npos ? text.size() : end + mark.size());
  }
  CHECK(cases > 40);
}

TEST_CASE("T09: bytes that are not UTF-8 are encoded as U+FFFD, as Python replaces them") {
  const auto tokenizer = small();
  const std::string r = "\xEF\xBF\xBD";
  const std::pair<std::string, std::string> cases[] = {
      {"a\x80z", "a" + r + "z"},                     // lone continuation
      {"\xC0\xAF", r + r},                           // overlong
      {"\xED\xA0\x80", r + r + r},                   // surrogate
      {"\xF4\x90\x80\x80", r + r + r + r},           // above U+10FFFF
      {"\xF0\x9F\x98", r},                           // cut off at the end
      {"\xF0\x9F\x98z", r + "z"},                    // cut off by a letter
      {"\xE2\x82\xE2\x82\xAC", r + "\xE2\x82\xAC"},  // cut off by another character
      {"\xFF\xFE", r + r}};
  for (const auto& [bytes, replaced] : cases) {
    CHECK(replace_invalid_utf8(bytes) == replaced);
    CHECK(tokenizer->encode(bytes) == tokenizer->encode(replaced));
    CHECK(tokenizer->decode(tokenizer->encode(bytes), false) == replaced);
  }
}

TEST_CASE("T10: NUL is a character like any other") {
  const auto tokenizer = small();
  const std::string text("a\0b\0", 4);
  CHECK(tokenizer->decode(tokenizer->encode(text), false) == text);
}

TEST_CASE("T11: added tokens in the text become one id only when asked for") {
  const auto tokenizer = small();
  const std::string text = "x<|im_end|><|image_pad|>";
  CHECK(tokenizer->encode(text) == Ids{87, 665, 675});
  const Ids plain = tokenizer->encode(text, false);
  CHECK(plain.size() > 3);
  for (const int32_t id : plain) CHECK(id < 663);
  CHECK(tokenizer->decode(plain, true) == text);
  CHECK(tokenizer->find("<|im_end|>") == 665);
  CHECK(tokenizer->find("a") == std::nullopt);
  CHECK(tokenizer->is_special(665));
  CHECK_FALSE(tokenizer->is_special(687));
}

TEST_CASE("T12: decode(encode(x)) is x for random NFC text") {
  const auto tokenizer = small();
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (int i = 0; i < 40; ++i) append_utf8(text, random_character(random));
    text = to_nfc(text);
    CHECK(to_nfc(text) == text);
    CHECK(tokenizer->decode(tokenizer->encode(text), false) == text);
  }
}

TEST_CASE("T12: stream decoding equals whole decoding for random ids") {
  const auto tokenizer = small();
  std::mt19937 random(2);
  for (int round = 0; round < 500; ++round) {
    Ids ids;
    for (int i = 0; i < 30; ++i) ids.push_back(int32_t(random() % uint32_t(tokenizer->size())));
    for (const bool skip : {false, true})
      CHECK(stream(*tokenizer, ids, skip) == tokenizer->decode(ids, skip));
  }
}

TEST_CASE("T13: no text is no ids") {
  CHECK(small()->encode("").empty());
  CHECK(small()->decode({}, false).empty());
}

TEST_CASE("T14: an id that is no token is an Error") {
  const auto tokenizer = small();
  for (const int32_t id : {-1, tokenizer->size(), INT32_MAX, INT32_MIN}) {
    CHECK_ERROR(tokenizer->token_bytes(id), "token id: expected 0 to 688");
    CHECK_ERROR(tokenizer->is_special(id), "token id");
    CHECK_ERROR(tokenizer->decode({id}, true), "token id");
  }
}

TEST_CASE("T15: an emoji of 4 bytes cut anywhere is streamed whole") {
  const auto tokenizer = small();
  const std::string emoji = "\xF0\x9F\x98\x80";
  Ids bytes;  // one token a byte
  for (const char c : emoji) {
    for (int32_t id = 0; id < 256; ++id) {
      if (tokenizer->token_bytes(id) == std::string(1, c)) bytes.push_back(id);
    }
  }
  REQUIRE(bytes.size() == 4);
  StreamDecoder decoder(*tokenizer);
  for (int i = 0; i < 3; ++i) CHECK(decoder.push(bytes[size_t(i)]).empty());
  CHECK(decoder.push(bytes[3]) == emoji);
  CHECK(decoder.finish().empty());
  for (size_t count = 1; count < 4; ++count) {
    const Ids part(bytes.begin(), bytes.begin() + std::ptrdiff_t(count));
    CHECK(stream(*tokenizer, part, true) == "\xEF\xBF\xBD");
    Ids interrupted = part;
    interrupted.push_back(64);  // "a"
    CHECK(stream(*tokenizer, interrupted, true) ==
          "\xEF\xBF\xBD"
          "a");
  }
}

TEST_CASE("a folder without a tokenizer gives null, a path that is none an Error") {
  const ScratchFolder folder;
  CHECK(open_tokenizer(folder.path()) == nullptr);
  CHECK_ERROR(open_tokenizer(folder.path() + "/nothing.bin"), "expected a folder");
  CHECK_ERROR(open_tokenizer(folder.path() + "/tokenizer.json"), "No such file");
  folder.write("vocab.json", "{}");
  CHECK_ERROR(open_tokenizer(folder.path()), "expected both vocab.json and merges.txt");
}

}  // namespace
}  // namespace qwench::text_test
