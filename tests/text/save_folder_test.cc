// From a GGUF file to the text files of a folder: whoever opens the folder tokenizes, chats and samples
// as with the file.
#include "engine/text/save_folder.h"

#include "engine/text/chat.h"
#include "engine/text/load_tokenizer.h"
#include "tests/support/quantized_folders.h"
#include "tests/support/scratch.h"
#include "tests/text/gguf_tokens.h"
#include "tests/text/support.h"

using namespace qwench;
using namespace qwench::text_test;
using test::GgufTokens;
using test::kv_f32;
using test::kv_text;
using test::kv_u32;
using test::parse_gguf;

namespace {

const std::vector<std::string> kTexts = {
    "",
    " ",
    "   \n\n  \r\n\t x",
    "Hello, world! It's what they'll've DON'T",
    "def f(x):\n    return x ** 2  # 1234567890\n",
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
    "<think>\nhm\n</think>\n\n<tool_call>{}</tool_call>",
    "<|im_start|<|im_end|>|im_end|> <|endoftext|><|endoftext|>",
    "[PAD260][PAD261]",
    "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c\xe3\x80\x82",     // Chinese
    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe3\x83\x86\xe3\x82\xad",     // Japanese
    "\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4 \xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab",    // Hangul, jamo
    "\xe0\xa4\xa8\xe0\xa4\xae\xe0\xa4\xb8\xe0\xa5\x8d\xe0\xa4\xa4\xe0\xa5\x87",     // Devanagari
    "\xd7\xa9\xd6\xb8\xd7\x81\xd7\x9c\xd7\x95\xd6\xb9\xd7\x9d \xd9\xa3\xd9\xa4",    // marks, digits
    "\xf0\x9f\x99\x82\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7<think>\xf0\x9f",  // emoji, cut off
    "caf\xc3\xa9 cafe\xcc\x81 \xc4\xb0\xef\xac\x81'\xc5\xbf",
    "\xc2\xa0\xe3\x80\x80 \xe2\x80\xa8x\xef\xbb\xbf",
    "\xff\xfe<|im_end|>\xc0\xaf\xed\xa0\x80",
    "a\xcc\x81\xcc\x81\xcc\x81\xe0\xb8\x81\xe0\xb8\xb4",
    std::string("zero \0 byte", 11),
    std::string(300, 'a') + std::string(300, ' '),
    "The quick brown fox's 3.14159\xe2\x80\xa6 \xc2\xbf"
    "Qu\xc3\xa9?\r\n\r\n\r\n",
    "\x01\x02\x7f\x1b[0m",
    "ababab ab  ab",
};

/// A folder with the files of this header; there must be some.
void write_folder(const GgufHeader& header, const ScratchFolder& to) {
  const std::vector<TextFile> files = folder_text_files(header);
  REQUIRE(files.size() == 3);
  for (const TextFile& file : files) to.write(file.name, file.bytes);
}

void check_same_text(const Tokenizer& a, const Tokenizer& b) {
  REQUIRE(a.size() == b.size());
  for (int32_t id = 0; id < a.size(); ++id) {
    CHECK(a.token_bytes(id) == b.token_bytes(id));
    CHECK(a.is_special(id) == b.is_special(id));
  }
  for (const std::string& text : kTexts) {
    CAPTURE(text);
    for (const bool parse_special : {true, false}) {
      const std::vector<int32_t> ids = a.encode(text, parse_special);
      CHECK(b.encode(text, parse_special) == ids);
      for (const bool skip : {true, false}) CHECK(b.decode(ids, skip) == a.decode(ids, skip));
    }
  }
}

void check_same_defaults(const GenerationConfig& a, const GenerationConfig& b) {
  CHECK(a.eos_ids == b.eos_ids);
  CHECK(a.sampling.greedy == b.sampling.greedy);
  CHECK(a.sampling.temperature == b.sampling.temperature);
  CHECK(a.sampling.top_k == b.sampling.top_k);
  CHECK(a.sampling.top_p == b.sampling.top_p);
  CHECK(a.sampling.min_p == b.sampling.min_p);
  CHECK(a.sampling.repetition_penalty == b.sampling.repetition_penalty);
  CHECK(a.sampling.presence_penalty == b.sampling.presence_penalty);
}

/// The values of a small file and these in addition, as a folder and read back.
struct Written {
  ScratchFolder folder;
  GgufHeader header;

  explicit Written(const std::vector<std::string>& values) : header(parse_gguf(values)) {
    write_folder(header, folder);
  }
  Json json(const char* name) const { return parse_json_file(folder.path() + "/" + name); }
  void check_same() const {
    check_same_text(*load_gguf_tokenizer(header), *open_tokenizer(folder.path()));
    check_same_defaults(read_gguf_generation_config(header), read_generation_config(folder.path()));
    CHECK(read_chat_template(folder.path()) == gguf_chat_template(header));
  }
};

std::vector<std::string> with(std::vector<std::string> values,
                              const std::vector<std::string>& more) {
  values.insert(values.end(), more.begin(), more.end());
  return values;
}

}  // namespace

TEST_CASE("every golden GGUF file and its folder tokenize, chat and sample alike") {
  for (const std::string& golden : test::gguf_folders()) {
    CAPTURE(golden);
    const std::string path = test::gguf_in(golden);
    const ScratchFolder folder;
    write_folder(read_gguf_header(path), folder);
    check_same_text(*open_tokenizer(path), *open_tokenizer(folder.path()));
    check_same_defaults(read_generation_config(path), read_generation_config(folder.path()));
    CHECK(!read_chat_template(path).empty());
    CHECK(read_chat_template(folder.path()) == read_chat_template(path));
    CHECK(detect_chat_template(folder.path(), "") == detect_chat_template(path, ""));
  }
}

TEST_CASE("padding is not written; an unused token among the others keeps its place") {
  GgufTokens t;
  const Written padded(t.values());
  padded.check_same();
  CHECK(padded.json("tokenizer.json").at("model").at("vocab").size() == 257);
  CHECK(padded.json("tokenizer.json").at("added_tokens").size() == 3);
  t.tokens[261] =
      "not in the \xe2\x80\x9c"
      "alphabet\xe2\x80\x9d";
  t.add("<|late|>", kGgufControl);
  t.add("[PAD263]", kGgufUnused);
  const Written between(t.values());
  between.check_same();
  CHECK(between.json("tokenizer.json").at("model").at("vocab").size() == 259);
  CHECK(open_tokenizer(between.folder.path())->find("<|late|>") == 262);
}

TEST_CASE("the pre-tokenizer that the file names is the one in the folder") {
  std::vector<std::string> values = GgufTokens().values();
  for (const char* pre : {"qwen2", "qwen35", "deepseek-r1-qwen"}) {
    CAPTURE(pre);
    values[1] = kv_text("tokenizer.ggml.pre", pre);
    const Written written(values);
    written.check_same();
    const Json split = written.json("tokenizer.json").at("pre_tokenizer").at("pretokenizers").at(0);
    const auto rule = find_pretokenizer(split.at("pattern").at("Regex").get<std::string>());
    CHECK((rule == PreTokenizer::kQwen35) ==
          (values[1] == kv_text("tokenizer.ggml.pre", "qwen35")));
  }
}

TEST_CASE("what the file does not say is not said in the folder") {
  const Written bare(GgufTokens().values());
  bare.check_same();
  CHECK(bare.json("generation_config.json") == Json{{"eos_token_id", {258, 257}}});
  CHECK(bare.json("tokenizer_config.json").at("eos_token") == "<|im_end|>");
  CHECK(bare.json("tokenizer_config.json").at("pad_token").is_null());
  CHECK(!bare.json("tokenizer_config.json").contains("chat_template"));
  GgufTokens no_ends;
  no_ends.tokens[257] = "<s>", no_ends.tokens[258] = "</s>";
  const Written endless(no_ends.values());
  endless.check_same();
  CHECK(endless.json("generation_config.json") == Json::object());
  CHECK(endless.json("tokenizer_config.json").at("eos_token").is_null());
}

TEST_CASE("template, end, padding and every sampling default arrive as they are") {
  const Written written(with(
      GgufTokens().values(),
      {kv_text("tokenizer.chat_template", "{{ '\"\\n\xe4\xbd\xa0' }}"),
       kv_u32("tokenizer.ggml.eos_token_id", 257), kv_u32("tokenizer.ggml.padding_token_id", 258),
       kv_f32("general.sampling.temp", 0.7f), kv_f32("general.sampling.top_p", 0.8f),
       kv_f32("general.sampling.min_p", 0.05f), kv_u32("general.sampling.top_k", 20),
       kv_f32("general.sampling.penalty_repeat", 1.05f)}));
  written.check_same();
  const Json generation = written.json("generation_config.json");
  CHECK(generation.size() == 7);
  CHECK(generation.at("temperature") == 0.7);
  CHECK(generation.at("do_sample") == true);
  CHECK(written.json("tokenizer_config.json").at("eos_token") == "<|endoftext|>");
  CHECK(written.json("tokenizer_config.json").at("pad_token") == "<|im_end|>");
  const Written penalty(
      with(GgufTokens().values(), {kv_f32("general.sampling.penalty_repeat", 1.5f)}));
  penalty.check_same();  // alone it does not ask for sampling
}

TEST_CASE("without a tokenizer there are no files; one that has no form in a folder is an Error") {
  CHECK(folder_text_files(parse_gguf({kv_u32("k", 1)})).empty());
  CHECK(folder_text_files(parse_gguf({kv_text("tokenizer.ggml.model", "none")})).empty());
  GgufTokens t;
  t.tokens[258] = "cd";
  t.merges.push_back("c d");  // makes an added token
  CHECK_ERROR(folder_text_files(parse_gguf(t.values())), "merge 1: 'cd' is not in the vocabulary");
  const auto of = [](const std::vector<std::string>& more) {
    return folder_text_files(parse_gguf(with(GgufTokens().values(), more)));
  };
  CHECK_ERROR(of({kv_text("tokenizer.chat_template", "\xff")}), "chat_template: expected UTF-8");
  CHECK_ERROR(of({kv_f32("general.sampling.temp", -1)}), "temperature");
  CHECK_ERROR(folder_text_files(parse_gguf({kv_text("tokenizer.ggml.model", "llama")})),
              "expected 'gpt2'");
}
