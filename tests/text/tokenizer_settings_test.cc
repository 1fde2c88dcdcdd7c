// The small files beside a tokenizer: tokens that they name are tokens, as transformers 5.24 has them;
// what contradicts the vocabulary or cannot be done is refused.
#include "engine/text/tokenizer_settings.h"

#include "engine/text/load_tokenizer.h"
#include "tests/text/support.h"

using namespace qwench;
using namespace qwench::text_test;

namespace {

using Ids = std::vector<int32_t>;

const std::string kFolder = data("text-chat/qwen3-chat-bf16");

Json token(const std::string& content, bool special = true) {
  return {{"content", content}, {"special", special}, {"normalized", false}};
}

/// The folder's tokenizer.json with other files beside it.
struct Beside {
  ScratchFolder folder;
  Json config = parse_json_file(kFolder + "/tokenizer_config.json");

  Beside() { folder.write("tokenizer.json", read_file(kFolder + "/tokenizer.json", 1 << 24)); }
  std::unique_ptr<Tokenizer> open() const {
    folder.write("tokenizer_config.json", config.dump());
    return open_tokenizer(folder.path());
  }
};

/// vocab.json and merges.txt, and what else is written.
struct VocabMerges {
  ScratchFolder folder;
  std::string merges = read_file(kFolder + "/merges.txt", 1 << 24);

  VocabMerges() { folder.write("vocab.json", read_file(kFolder + "/vocab.json", 1 << 24)); }
  std::unique_ptr<Tokenizer> open() const {
    folder.write("merges.txt", merges);
    return open_tokenizer(folder.path());
  }
};

}  // namespace

TEST_CASE("added_tokens_decoder adds tokens to tokenizer.json and its flags win") {
  Beside b;
  b.config["added_tokens_decoder"]["689"] = token("<|new|>");
  b.config["added_tokens_decoder"]["687"]["special"] = true;  // <think>
  const auto tokenizer = b.open();
  CHECK(tokenizer->encode("a<|new|>b") == Ids{64, 689, 65});
  CHECK(tokenizer->is_special(689));
  CHECK(tokenizer->is_special(687));
}

TEST_CASE("added_tokens_decoder that contradicts tokenizer.json is refused") {
  Beside b;
  b.config["added_tokens_decoder"] = {{"689", token("<think>", false)}};
  CHECK_ERROR(b.open(), "'<think>': id 687 in the tokenizer, 689 beside it");
  b.config["added_tokens_decoder"] = {{"700", token("<|new|>")}};
  CHECK_ERROR(b.open(), "ids have no holes");
  b.config["added_tokens_decoder"] = {{"5", token("<|new|>")}};
  CHECK_ERROR(b.open(), "belongs to another token");
  b.config["added_tokens_decoder"] = {{"687", token("<think>", false)}};
  b.config["added_tokens_decoder"]["687"]["lstrip"] = true;
  CHECK_ERROR(b.open(), "lstrip is not supported");
  b.config["added_tokens_decoder"] = {{"x", token("<think>")}};
  CHECK_ERROR(b.open(), "expected an id as key, got 'x'");
  b.config["added_tokens_decoder"] = 1;
  CHECK_ERROR(b.open(), "added_tokens_decoder: expected an object");
}

TEST_CASE("a token named as special is one, and has the next id where it had none") {
  Beside b;
  b.config["additional_special_tokens"] = {"<|foo|>", "<think>"};
  b.config["pad_token"] = token("<|pad|>");
  const auto tokenizer = b.open();
  CHECK(tokenizer->encode("a<|pad|>b<|foo|>") == Ids{64, 689, 65, 690});
  CHECK(tokenizer->decode(tokenizer->encode("a<think>b<|foo|>"), true) == "ab");
  b.config["extra_special_tokens"] = 1;
  CHECK_ERROR(b.open(), "extra_special_tokens: expected a list of tokens");
  b.config.erase("extra_special_tokens");
  b.config["eos_token"] = 7;
  CHECK_ERROR(b.open(), "eos_token: expected a token, got 7");
}

TEST_CASE(
    "added_tokens.json and special_tokens_map.json count where added_tokens_decoder is missing") {
  Beside b;
  b.folder.write("added_tokens.json", R"({"<|new|>": 689, "word": 690})");
  b.folder.write("special_tokens_map.json", R"({"additional_special_tokens": ["<|new|>"]})");
  CHECK(b.open()->encode("a<|new|>b").size() > 3);  // as transformers: the newer key replaces them
  b.config.erase("added_tokens_decoder");
  const auto tokenizer = b.open();
  CHECK(tokenizer->encode("a<|new|>word") == Ids{64, 689, 690});
  CHECK(tokenizer->is_special(689));
  CHECK_FALSE(tokenizer->is_special(690));
  b.folder.write("added_tokens.json", R"({"<think>": 5})");
  CHECK_ERROR(b.open(), "'<think>': id 687 in the tokenizer, 5 beside it");
  b.folder.write("added_tokens.json", R"({"<|new|>": "689"})");
  CHECK_ERROR(b.open(), "'<|new|>'");
  b.folder.write("added_tokens.json", "[]");
  CHECK_ERROR(b.open(), "added_tokens.json: expected an object");
}

TEST_CASE("settings that would give other ids are refused by name, bookkeeping is not") {
  Beside b;
  b.config["clean_up_tokenization_spaces"] = true;
  b.config["model_max_length"] = 7;
  b.config["tokenizer_class"] = "GPT2Tokenizer";  // tokenizer.json says how text is cut
  b.config["truncation_side"] = "left";
  CHECK(b.open()->encode("The sea") == Ids{51, 71, 68, 220, 82, 68, 64});
  b.config["add_prefix_space"] = true;
  CHECK_ERROR(b.open(), "add_prefix_space: expected false, got true");
  b.config["add_prefix_space"] = false;
  b.config["split_special_tokens"] = true;
  CHECK_ERROR(b.open(), "split_special_tokens: expected false, got true");
}

TEST_CASE("without tokenizer.json the class says how text is cut") {
  const VocabMerges f;
  f.folder.write("tokenizer_config.json", R"({"tokenizer_class": "Qwen3_5Tokenizer"})");
  // Thai with a vowel sign: one piece where marks belong to letters.
  CHECK(f.open() != nullptr);
  f.folder.write("tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer"})");
  CHECK_ERROR(f.open(), "expected Qwen2Tokenizer or Qwen3_5Tokenizer");
}

TEST_CASE("merges.txt that was cut off at the end of a line is refused") {
  VocabMerges f;
  CHECK(f.open() != nullptr);
  const std::string whole = f.merges;
  REQUIRE(whole.back() == '\n');
  f.merges.resize(whole.rfind('\n', whole.size() - 2) + 1);
  CHECK_ERROR(f.open(), "no merge makes 1 of the 663 tokens of the vocabulary, the first is 662");
  f.merges.resize(whole.find('\n') + 1);
  CHECK_ERROR(f.open(), "no merge makes 407 of the 663 tokens");
  f.merges = whole.substr(0, whole.size() - 2);
  CHECK(!error_of([&] { f.open(); }).empty());  // within the line
}

TEST_CASE("line ends and a byte order mark of another system change no token") {
  VocabMerges f;
  const Ids ids = f.open()->encode("The sea's <think> 12");
  std::string other = "\xEF\xBB\xBF";
  for (const char c : f.merges) other += c == '\n' ? std::string("\r\n") : std::string(1, c);
  f.merges = other;
  CHECK(f.open()->encode("The sea's <think> 12") == ids);
  f.folder.write("vocab.json",
                 "\xEF\xBB\xBF" + read_file(kFolder + "/vocab.json", 1 << 24) + "\r\n");
  CHECK(f.open()->encode("The sea's <think> 12") == ids);
}

TEST_CASE("what a model or a text cannot reach does not refuse a tokenizer.json") {
  Json root = parse_json_file(kFolder + "/tokenizer.json");
  root["truncation"] = {{"max_length", 3}, {"strategy", "LongestFirst"}};
  root["padding"] = {{"strategy", {{"Fixed", 12}}}, {"pad_id", 663}};
  root["model"]["byte_fallback"] = true;
  root["model"]["fuse_unk"] = true;
  root["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}}}};
  const auto tokenizer = load_tokenizer_json(root.dump(), "test");
  const auto plain = open_tokenizer(kFolder);
  for (const char* text : {"The sea is blue", "a e\xCC\x81 \xE4\xB8\xAD", ""})
    CHECK(tokenizer->encode_framed(text) == plain->encode(text));
  root["normalizer"]["normalizers"].push_back({{"type", "Lowercase"}});
  CHECK_ERROR(load_tokenizer_json(root.dump(), "test"), "NFC alone in a Sequence");
}

TEST_CASE("literal text has no special token in it, and every other one") {
  const auto tokenizer = open_tokenizer(kFolder);
  const std::string text = "<|im_end|>\n<think>";
  CHECK(tokenizer->encode(text) == Ids{665, 198, 687});
  const Ids literal = tokenizer->encode(text, false);
  CHECK(literal.back() == 687);  // a word of the model's, as it is in llama.cpp and transformers
  CHECK(tokenizer->decode(literal, true) == text);
  for (const int32_t id : literal) CHECK(id != 665);
}

TEST_CASE("ranges without special tokens change no id, wherever they begin and end") {
  const auto tokenizer = open_tokenizer(kFolder);
  const std::string text = "user\n\n\nhi there's  caf\xC3\xA9<|im_end|>\n";
  const Ids whole = tokenizer->encode(text);
  const size_t end = text.find("<|im_end|>");
  for (size_t begin = 0; begin < end; ++begin)
    for (size_t stop = begin; stop <= end; ++stop) {
      const auto inside = [&](size_t at) { return (uint8_t(text[at]) & 0xC0) == 0x80; };
      if (inside(begin) || inside(stop)) continue;
      CHECK(tokenizer->encode_parts(text, {{begin, stop}}) == whole);
    }
}
