// Broken tokenizer files: each is an Error that says what is wrong, and nothing else happens.
#include <functional>

#include "engine/text/load_tokenizer.h"
#include "engine/text/utf8.h"
#include "tests/text/support.h"

namespace qwench::text_test {
namespace {

/// The 256 bytes in their GPT-2 spelling, ids 0..255 in byte order.
Json byte_vocab() {
  Json vocab;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
    std::string spelled;
    append_utf8(spelled, printable ? byte : next++);
    vocab[spelled] = int(byte);
  }
  return vocab;
}

Json added(int id, const std::string& content) {
  return {{"id", id}, {"content", content}, {"special", true}, {"normalized", false}};
}

/// A small sound tiktoken file: the bytes in order.
std::string byte_ranks() {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t byte = 0; byte < 256; ++byte)
    out += fmt::format("{}{}== {}\n", digits[byte >> 2], digits[(byte & 3) << 4], byte);
  return out;
}

/// A small sound tokenizer.json: bytes, "ab" = 256, "abc" = 257, <|x|> = 258.
Json sound() {
  Json root = parse_json_file(data("tokenizer/small/tokenizer.json"));
  Json vocab = byte_vocab();
  vocab["ab"] = 256;
  vocab["abc"] = 257;
  root["model"]["vocab"] = vocab;
  root["model"]["merges"] = {"a b", "ab c"};
  root["added_tokens"] = Json::array({added(258, "<|x|>")});
  return root;
}

std::unique_ptr<Tokenizer> load(const Json& root) {
  return load_tokenizer_json(root.dump(), "test");
}

/// sound() with one thing changed.
std::unique_ptr<Tokenizer> load_with(const std::function<void(Json&)>& change) {
  Json root = sound();
  change(root);
  return load(root);
}
#define CHECK_BROKEN(words, ...) CHECK_ERROR(load_with([&](Json& root) { __VA_ARGS__; }), words)

using Ids = std::vector<int32_t>;

TEST_CASE("the sound tokenizer that the broken ones are made from loads") {
  const auto tokenizer = load(sound());
  CHECK(tokenizer->encode("abcab<|x|>") == Ids{257, 256, 258});
  CHECK(tokenizer->size() == 259);
}

TEST_CASE("T01: a merge is two known tokens with one space between") {
  CHECK_BROKEN("expected two tokens", root["model"]["merges"][0] = "a");
  CHECK_BROKEN("expected two tokens", root["model"]["merges"][0] = "a b c");
  CHECK_BROKEN("expected two tokens", root["model"]["merges"][0] = "");
  CHECK_BROKEN("expected two tokens", root["model"]["merges"][0] = " b");
  CHECK_BROKEN("'zz' is not in the vocabulary", root["model"]["merges"][0] = "zz b");
  CHECK_BROKEN("expected \"a b\" or", root["model"]["merges"][0] = Json::array({"a", "b", "c"}));
  CHECK_BROKEN("expected \"a b\" or", root["model"]["merges"][0] = 7);
  CHECK_BROKEN("merges: expected an array", root["model"].erase("merges"));
}

TEST_CASE("T01: a line of merges.txt is two known tokens with one space between") {
  const ScratchFolder folder;
  folder.write("vocab.json", sound()["model"]["vocab"].dump());
  const auto with = [&](const std::string& merges) {
    folder.write("merges.txt", merges);
    return open_tokenizer(folder.path());
  };
  CHECK(with("#version: 0.2\r\na b\r\nab c\r\n")->encode("abc") == Ids{257});
  CHECK(with("a b\nab c")->encode("abc") == Ids{257});
  CHECK_ERROR(with("a b"), "no merge makes 1 of the 258 tokens");
  CHECK_ERROR(with("#version: 0.2\na\n"), "merge 0: expected two tokens");
  CHECK_ERROR(with("a b\na b c\n"), "merge 1: expected two tokens");
  CHECK_ERROR(with("a b\n\nab c\n"), "merge 1: expected two tokens");
  CHECK_ERROR(with("a b\n#version: 0.2\n"), "not in the vocabulary");
}

TEST_CASE("T02: a merge whose result is no token is refused") {
  CHECK_BROKEN("'ac' is not in the vocabulary", root["model"]["merges"][0] = "a c");
}

TEST_CASE("T03: a pair merges one way only, and a token may be had in several ways") {
  CHECK_BROKEN("there twice", root["model"]["merges"].push_back("a b"));
  CHECK_BROKEN("there twice", root["model"]["merges"].push_back(Json::array({"a", "b"})));
  const auto two_ways = load_with([](Json& root) {
    root["model"]["vocab"]["bc"] = 258;
    root["added_tokens"][0]["id"] = 259;
    root["model"]["merges"] = {"b c", "a bc", "a b", "ab c"};
  });
  CHECK(two_ways->encode("abc ab") == Ids{257, 32, 256});
}

TEST_CASE("T04: ids are integers from 0 without holes, each used once") {
  CHECK_BROKEN("got 2147483648", root["model"]["vocab"]["ab"] = int64_t(1) << 31);
  CHECK_BROKEN("got -1", root["model"]["vocab"]["ab"] = -1);
  CHECK_BROKEN("got 1.0", root["model"]["vocab"]["ab"] = 1.0);
  CHECK_BROKEN("got 18446744073709551615", root["model"]["vocab"]["ab"] = UINT64_MAX);
  CHECK_BROKEN("id 97 is there twice", root["model"]["vocab"]["ab"] = 97);
  CHECK_BROKEN("id 257 is there twice", root["model"]["vocab"]["ab"] = 257);
  CHECK_BROKEN("ids have no holes", root["added_tokens"][0]["id"] = 300);
  CHECK_BROKEN("id", root["added_tokens"][0]["id"] = -1);
  CHECK_BROKEN("id", root["added_tokens"][0]["id"] = int64_t(1) << 31);
  CHECK_ERROR(load_tokenizer_json(R"({"model": {"vocab": {"a": 1, "a": 2}}})", "test"), "twice");
}

TEST_CASE("T05: a token is 1 to 512 bytes in the byte alphabet") {
  CHECK_BROKEN("got 1048576", root["model"]["vocab"][std::string(1 << 20, 'x')] = 258);
  CHECK_BROKEN("expected 1 to 512 bytes, got 0", root["model"]["vocab"][""] = 258);
  CHECK_BROKEN("byte alphabet", root["model"]["vocab"]["a b"] = 258);
  CHECK_BROKEN("byte alphabet", root["model"]["vocab"]["\xE4\xB8\xAD"] = 258);
  CHECK_ERROR(load_tokenizer_json("{\"model\": \"\xFF\"}", "test"), "JSON");
}

TEST_CASE("T06: each of the 256 bytes has a token of its own") {
  CHECK_BROKEN("none for byte 0x61", root["model"]["vocab"].erase("a");
               root["model"]["vocab"]["zz"] = 97; root["model"]["merges"] = Json::array());
  CHECK_BROKEN("none for byte 0x00", root["model"]["vocab"] = {{"a", 0}};
               root["added_tokens"][0]["id"] = 1; root["model"]["merges"] = Json::array());
}

TEST_CASE("T07: of added tokens that overlap, the leftmost and then the longest counts") {
  const auto tokenizer = load_with([](Json& root) {
    root["added_tokens"] = {added(258, "<a"), added(259, "<ab>"), added(260, "b><"),
                            added(261, "<ab><c")};
  });
  CHECK(tokenizer->encode("<a") == Ids{258});
  CHECK(tokenizer->encode("<ab><") == Ids{259, '<'});
  CHECK(tokenizer->encode("<ab><c") == Ids{261});
  CHECK(tokenizer->encode("ab><c") == Ids{'a', 260, 'c'});
  CHECK(tokenizer->encode("<ab") == Ids{258, 'b'});
}

TEST_CASE("T07: an added token is not empty, not there twice and not another token") {
  CHECK_BROKEN("got 0", root["added_tokens"][0]["content"] = "");
  CHECK_BROKEN("there twice", root["added_tokens"].push_back(added(259, "<|x|>")));
  CHECK_BROKEN("belongs to another token", root["added_tokens"].push_back(added(258, "<|y|>")));
  CHECK_BROKEN("belongs to another token", root["added_tokens"][0]["id"] = 5);
  CHECK_BROKEN("256 in the vocabulary", root["added_tokens"][0]["content"] = "ab");
  CHECK_BROKEN("expected 1 to 512 bytes",
               root["added_tokens"][0]["content"] = std::string(513, 'x'));
  CHECK_BROKEN("lstrip is not supported", root["added_tokens"][0]["lstrip"] = true);
}

TEST_CASE("an added token marked normalized is found after NFC, others before") {
  const std::string composed = "\xC3\xA9", apart = "e\xCC\x81";
  const auto tokenizer = load_with([&](Json& root) {
    root["added_tokens"] = {added(258, "<" + composed), added(259, "#" + composed)};
    root["added_tokens"][1]["normalized"] = true;
  });
  CHECK(tokenizer->encode("<" + composed) == Ids{258});
  CHECK(tokenizer->encode("<" + apart) == Ids{'<', 0xC3, 0xA9});
  CHECK(tokenizer->encode("#" + apart) == Ids{259});
}

TEST_CASE("what is not a Qwen tokenizer is refused by its name") {
  CHECK_BROKEN("model: expected BPE, got 'Unigram'", root["model"]["type"] = "Unigram");
  CHECK_BROKEN("normalizer: expected NFC, got 'NFKC'", root["normalizer"]["type"] = "NFKC");
  CHECK_BROKEN("'Whitespace'", root["pre_tokenizer"] = {{"type", "Whitespace"}});
  CHECK_BROKEN("regular expression of Qwen2",
               root["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "x+");
  CHECK_BROKEN("add_prefix_space",
               root["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = true);
  CHECK_BROKEN("use_regex", root["pre_tokenizer"]["pretokenizers"][1]["use_regex"] = true);
  CHECK_BROKEN("Isolated", root["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed");
  CHECK_BROKEN("'Metaspace'", root["decoder"]["type"] = "Metaspace");
  CHECK_BROKEN("ignore_merges", root["model"]["ignore_merges"] = true);
  CHECK_BROKEN("end_of_word_suffix", root["model"]["end_of_word_suffix"] = "</w>");
  CHECK_BROKEN("dropout", root["model"]["dropout"] = 0.1);
  CHECK_BROKEN("model: expected an object", root.erase("model"));
  CHECK_BROKEN("pre_tokenizer: expected an object", root.erase("pre_tokenizer"));
  CHECK_ERROR(load_tokenizer_json("[]", "test"), "expected an object");
  CHECK_ERROR(load_tokenizer_json("", "test"), "test");
}

TEST_CASE("a tiktoken file is strict base64 and dense ranks") {
  const ScratchFolder folder;
  const std::string real = "IQ== 0\nIg== 1\n";
  const auto with = [&](const std::string& text) {
    return open_tokenizer(folder.write("x.tiktoken", text));
  };
  CHECK(with(byte_ranks() + "YWI= 256\nYWJj 257\n")->encode("abcab<|im_end|>") ==
        Ids{257, 256, 260});
  CHECK_ERROR(with(byte_ranks() + "YWI= 257\n"), "none for id 256");
  CHECK_ERROR(with(real), "none for byte 0x00");
  CHECK_ERROR(with(""), "none for byte 0x00");
  CHECK_ERROR(with(real + "Iw==\n"), "line 3: expected `base64 rank`");
  CHECK_ERROR(with(real + "Iw= 2\n"), "line 3: expected `base64 rank`");
  CHECK_ERROR(with(real + "I-== 2\n"), "line 3: expected `base64 rank`");
  CHECK_ERROR(with(real + "==== 2\n"), "line 3: expected `base64 rank`");
  CHECK_ERROR(with(real + "Iw== 2 \n"), "line 3: expected a rank");
  CHECK_ERROR(with(real + "Iw== -2\n"), "line 3: expected a rank");
  CHECK_ERROR(with(real + "Iw== 99999999999999999999\n"), "line 3: expected a rank");
  CHECK_ERROR(with(real + "Iw== 1\n"), "rank 1 is there twice");
  CHECK_ERROR(with(real + "IQ== 2\n"), "is there twice");
  CHECK_ERROR(with(real + " 2\n"), "line 3");
  CHECK_ERROR(with(real + "\nIw== 2\n"), "line 3");
}

}  // namespace
}  // namespace qwench::text_test
