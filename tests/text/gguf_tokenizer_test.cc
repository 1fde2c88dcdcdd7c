// The text side of GGUF files: token ids of the golden cases, defaults and turn ends from the keys, and
// every way in which the keys can be wrong.
#include "engine/text/load_gguf.h"

#include "engine/text/chat.h"
#include "tests/support/quantized_folders.h"
#include "tests/support/scratch.h"
#include "tests/text/gguf_tokens.h"
#include "tests/text/support.h"

using namespace qwench;
using namespace qwench::text_test;
using test::GgufTokens;
using test::kv;
using test::kv_f32;
using test::kv_i32s;
using test::kv_text;
using test::kv_texts;
using test::kv_u32;
using test::parse_gguf;

namespace {

std::unique_ptr<Tokenizer> load(const std::vector<std::string>& values) {
  return load_gguf_tokenizer(parse_gguf(values));
}
std::unique_ptr<Tokenizer> load(const GgufTokens& tokens) { return load(tokens.values()); }

}  // namespace

TEST_CASE("token ids of every golden GGUF file are those of Hugging Face's tokenizers") {
  for (const std::string& folder : test::gguf_folders()) {
    CAPTURE(folder);
    const auto tokenizer = open_tokenizer(test::gguf_in(folder));
    REQUIRE(tokenizer != nullptr);
    const Json meta = parse_json_file(folder + "/meta.json");
    CHECK(meta.at("tokenizer_cases").size() > 5);
    for (const Json& row : meta.at("tokenizer_cases")) {
      const std::string text = row.at("text").get<std::string>();
      CAPTURE(text);
      const auto ids = row.at("ids").get<std::vector<int32_t>>();
      CHECK(tokenizer->encode(text) == ids);
      if (text.find("e\xcc\x81") == text.npos) CHECK(tokenizer->decode(ids, false) == text);
    }
  }
}

TEST_CASE("turn ends, sampling and chat template of the golden files come from the file alone") {
  for (const std::string& folder : test::gguf_folders()) {
    CAPTURE(folder);
    const std::string path = test::gguf_in(folder);
    const Json keys = parse_json_file(folder + "/meta.json").at("gguf_keys");
    const GenerationConfig config = read_generation_config(path);
    REQUIRE(config.eos_ids.size() == 2);  // <|im_end|>, then <|endoftext|> by its name
    CHECK(config.eos_ids[0] == keys.at("tokenizer.ggml.eos_token_id"));
    CHECK(config.eos_ids[1] == keys.at("tokenizer.ggml.padding_token_id"));
    const bool samples = keys.contains("general.sampling.temp");
    CHECK(config.sampling.greedy == !samples);
    if (samples) {
      CHECK(config.sampling.temperature == 0.7);
      CHECK(config.sampling.top_p == 0.8);
      CHECK(config.sampling.top_k == 20);
      CHECK(config.sampling.repetition_penalty == 1.05);
    }
    CHECK(detect_chat_template(path, "") == ChatTemplate::kQwen2);
  }
}

TEST_CASE("the form of Qwen2 differs from that of Qwen2.5 in its system message") {
  const std::vector<Message> messages = {{"user", "hi", {}}};
  CHECK(render_chat(ChatTemplate::kQwen2, messages, true, Thinking::kDefault).text ==
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
  CHECK(render_chat(ChatTemplate::kQwen2, {{"system", "s", {}}, {"user", "hi", {}}}, false,
                    Thinking::kDefault)
            .text == "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n");
  CHECK(parse_chat_template("qwen2") == ChatTemplate::kQwen2);
}

TEST_CASE("a folder with one GGUF model and nothing else is that model, text included") {
  for (const std::string& folder : test::gguf_folders()) {
    CAPTURE(folder);
    const std::string file = test::gguf_in(folder);
    CHECK(open_checkpoint(folder, {})->path() == file);
    const auto of_folder = open_tokenizer(folder), of_file = open_tokenizer(file);
    REQUIRE(bool(of_folder) == bool(of_file));
    if (of_file) CHECK(of_folder->encode("Hello, world") == of_file->encode("Hello, world"));
    CHECK(read_generation_config(folder).eos_ids == read_generation_config(file).eos_ids);
    CHECK(read_chat_template(folder) == read_chat_template(file));
  }
  const test::ScratchFolder several;
  several.write("a.gguf", ""), several.write("b.gguf", "");
  CHECK_THROWS_WITH_AS(open_checkpoint(several.path(), {}), doctest::Contains("2 GGUF files"),
                       Error);
}

TEST_CASE("types of tokens: control is special, user-defined is text, unused is no token") {
  const auto tokenizer = load(GgufTokens());
  CHECK(tokenizer->size() == 260);
  CHECK(tokenizer->is_special(257));
  CHECK_FALSE(tokenizer->is_special(259));
  CHECK(tokenizer->find("<think>") == 259);
  CHECK(tokenizer->encode("ab<|im_end|>") == std::vector<int32_t>{256, 258});
  CHECK(tokenizer->encode("[PAD260]").size() == 8);
  CHECK(tokenizer->encode("e\xcc\x81") == tokenizer->encode("\xc3\xa9"));  // NFC
  CHECK(tokenizer->decode({256, 258, 259}, true) == "ab<think>");
}

TEST_CASE("an unused token among the others is never encoded") {
  GgufTokens t;
  t.add("<|late|>", kGgufControl);
  const auto tokenizer = load(t);
  CHECK(tokenizer->size() == 263);
  CHECK(tokenizer->encode("[PAD260]").size() == 8);
  CHECK(tokenizer->encode("<|late|>") == std::vector<int32_t>{262});
}

TEST_CASE("merges that were cut off are refused by the first token that none makes") {
  GgufTokens t;
  t.merges.clear();
  CHECK_ERROR(load(t),
              "no merge makes 1 of the 260 tokens of the vocabulary, the first is 256 'ab'");
}

TEST_CASE("the tokens that end turns are control tokens whatever type the file gives them") {
  GgufTokens t;
  t.types[257] = t.types[258] = kGgufNormal;
  const auto normal = load(t);
  CHECK(normal->encode("ab<|im_end|>") == std::vector<int32_t>{256, 258});
  CHECK(normal->is_special(258));
  CHECK(read_gguf_generation_config(parse_gguf(t.values())).eos_ids ==
        std::vector<int32_t>{258, 257});
  t.types[258] = kGgufUserDefined;  // a word, and still none that a message may hold
  const std::vector<int32_t> literal = load(t)->encode("<|im_end|>", false);
  CHECK(std::find(literal.begin(), literal.end(), 258) == literal.end());
}

TEST_CASE("a file without tokenizer has none; without pre and types it is Qwen2's") {
  CHECK(load(std::vector<std::string>{}) == nullptr);
  CHECK(load({kv_text("tokenizer.ggml.model", "none")}) == nullptr);
  GgufTokens t;
  t.tokens.resize(257);
  t.types.resize(257);
  std::vector<std::string> values = t.values();
  values.erase(values.begin() + 3);
  values.erase(values.begin() + 1);
  CHECK(load(values)->encode("ab") == std::vector<int32_t>{256});
}

TEST_CASE("keys of a tokenizer that are missing or of another kind name key and byte") {
  const auto replaced = [](size_t index, const std::string& value) {
    std::vector<std::string> values = GgufTokens().values();
    values[index] = value;
    return load(values);
  };
  CHECK_ERROR(replaced(0, kv_text("tokenizer.ggml.model", "llama")), "expected 'gpt2'");
  CHECK_ERROR(replaced(0, kv_u32("tokenizer.ggml.model", 1)), "got a value of type u32");
  CHECK_ERROR(replaced(1, kv_text("tokenizer.ggml.pre", "llama-bpe")), "got 'llama-bpe'");
  CHECK_ERROR(replaced(2, kv_text("x", "y")), "key 'tokenizer.ggml.tokens' is missing");
  CHECK_ERROR(replaced(2, kv_i32s("tokenizer.ggml.tokens", {1})), "expected an array of strings");
  CHECK_ERROR(replaced(3, kv_i32s("tokenizer.ggml.token_type", {1})), "expected 262 types");
  CHECK_ERROR(replaced(3, kv_texts("tokenizer.ggml.token_type", {"1"})), "an array of integers");
  CHECK_ERROR(replaced(4, kv_text("x", "y")), "key 'tokenizer.ggml.merges' is missing");
  CHECK_ERROR(replaced(4, kv_text("tokenizer.ggml.merges", "a b")), "expected an array");
  CHECK_ERROR(replaced(4, kv_texts("tokenizer.ggml.merges", {"a b", "a b"})), "there twice");
  CHECK_ERROR(replaced(4, kv_texts("tokenizer.ggml.merges", {"a  b"})), "one space between");
  CHECK_ERROR(replaced(4, kv_texts("tokenizer.ggml.merges", {"a c"})), "is not in the vocabulary");
}

TEST_CASE("tokens that are none name the token and the file") {
  const auto with = [](size_t id, const std::string& token, int32_t type) {
    GgufTokens t;
    t.tokens[id] = token;
    t.types[id] = type;
    return load(t);
  };
  CHECK_ERROR(with(256, "a b", 1), "token 256: not spelled in the byte alphabet");
  CHECK_ERROR(with(256, "\xff\xfe", 1), "token 256: expected UTF-8");
  CHECK_ERROR(with(256, "", 1), "token 256: expected 1 to 512 bytes, got 0");
  CHECK_ERROR(with(256, std::string(1 << 20, 'a'), 1), "expected 1 to 512 bytes, got 1048576");
  CHECK_ERROR(with(256, "a", 1), "there twice");
  CHECK_ERROR(with(257, "<|im_end|>", 3), "there twice");
  CHECK_ERROR(with(256, "ab", 6), "expected type 1 to 5");
  CHECK_ERROR(with(0, "zzz", 1), "got none for byte 0x00");
  CHECK_ERROR(with(256, "ab", -1), "expected an integer from 0");
}

TEST_CASE("sampling keys out of range are refused; none of them means greedy") {
  const auto of = [](const std::string& value) {
    return read_gguf_generation_config(parse_gguf({value}));
  };
  CHECK(of(kv_u32("k", 1)).sampling.greedy);
  CHECK_FALSE(of(kv_f32("general.sampling.temp", 0.5f)).sampling.greedy);
  CHECK(of(kv("general.sampling.top_k", 5, test::le(int32_t(-1)))).sampling.top_k == 0);
  CHECK_ERROR(of(kv_f32("general.sampling.temp", -1)), "temperature");
  CHECK_ERROR(of(kv_f32("general.sampling.top_p", 2)), "top_p");
  CHECK_ERROR(of(kv_text("general.sampling.temp", "hot")), "expected a number");
  CHECK_ERROR(of(kv("general.sampling.top_k", 10, test::le(UINT64_MAX))), "expected an integer");
  CHECK_ERROR(of(kv("tokenizer.ggml.eos_token_id", 11, test::le(int64_t(-1)))), "from 0");
}

TEST_CASE(
    "sampling keys that ask for what is not done are named, those that ask for nothing are not") {
  const auto named = [](const std::vector<std::string>& values) {
    return read_gguf_generation_config(parse_gguf(values)).not_honoured;
  };
  using Names = std::vector<std::string>;
  CHECK(named({kv_f32("general.sampling.temp", 0.5f), kv_f32("general.sampling.xtc_probability", 0),
               kv_u32("general.sampling.mirostat", 0), kv_f32("general.sampling.mirostat_tau", 5)})
            .empty());
  CHECK(named({kv_u32("general.sampling.mirostat", 2)}) == Names{"general.sampling.mirostat"});
  CHECK(named({kv_u32("general.sampling.penalty_last_n", 64)}) ==
        Names{"general.sampling.penalty_last_n"});
  CHECK(named({kv_text("general.sampling.sequence", "top_k;temp")}) ==
        Names{"general.sampling.sequence"});
}

TEST_CASE("a template that is not known is refused with its hash, not run") {
  const ScratchFolder folder;
  test::GgufBytes f;
  f.values = {kv_text("tokenizer.chat_template", "{% for x in range(10**9) %}x{% endfor %}")};
  const std::string path = folder.write("m.gguf", f.file());
  CHECK_ERROR(detect_chat_template(path, "qwen3"), "hash");
  f.values = {kv_text("tokenizer.chat_template.tool_use", "x")};
  CHECK_ERROR(detect_chat_template(folder.write("o.gguf", f.file()), "qwen3"),
              "got only tokenizer.chat_template.tool_use");
  f.values = {kv_u32("k", 1)};
  CHECK(detect_chat_template(folder.write("n.gguf", f.file()), "qwen3") == ChatTemplate::kQwen3);
}
