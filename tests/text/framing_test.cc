// What the files put around a plain text: the ids that transformers 5.24 and tokenizers 0.23 gave for
// the same files, and what is refused.
#include "engine/text/load_tokenizer.h"
#include "engine/text/post_processor.h"
#include "engine/text/save_folder.h"
#include "engine/text/save_gguf.h"
#include "tests/text/gguf_tokens.h"
#include "tests/text/support.h"

using namespace qwench;
using namespace qwench::text_test;
using test::GgufTokens;
using test::kv_u32;
using test::parse_gguf;

namespace {

using Ids = std::vector<int32_t>;

const std::string kFolder = data("text-chat/qwen3-chat-bf16");
const Ids kSea = {51, 71, 68, 220, 82, 68, 64};  // "The sea"

Json special(const std::string& name) { return {{"SpecialToken", {{"id", name}, {"type_id", 0}}}}; }
Json text(const std::string& id) { return {{"Sequence", {{"id", id}, {"type_id", 0}}}}; }

/// <|endoftext|> is one id of a template, <|im_end|> two.
Json template_of(const std::vector<Json>& single) {
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", Json::array({text("A"), text("B")})},
          {"special_tokens",
           {{"<|endoftext|>", {{"id", "<|endoftext|>"}, {"ids", {663}}, {"tokens", {"x"}}}},
            {"<|im_end|>", {{"id", "<|im_end|>"}, {"ids", {665, 664}}, {"tokens", {"x", "y"}}}}}}};
}

std::unique_ptr<Tokenizer> with_processor(const Json& processor) {
  Json root = parse_json_file(kFolder + "/tokenizer.json");
  root["post_processor"] = processor;
  return load_tokenizer_json(root.dump(), "test");
}

Ids framed(const Ids& before, const Ids& after) {
  Ids ids = before;
  ids.insert(ids.end(), kSea.begin(), kSea.end());
  ids.insert(ids.end(), after.begin(), after.end());
  return ids;
}

const Json kByteLevel = {{"type", "ByteLevel"}, {"trim_offsets", false}};

}  // namespace

TEST_CASE("a template puts its ids around a plain text and around nothing else") {
  const auto both =
      with_processor(template_of({special("<|endoftext|>"), text("A"), special("<|im_end|>")}));
  CHECK(both->encode_framed("The sea") == framed({663}, {665, 664}));
  CHECK(both->encode_framed("") == Ids{663, 665, 664});
  CHECK(both->encode("The sea") == kSea);  // as apply_chat_template tokenises what it rendered
  const auto before = with_processor(template_of({special("<|endoftext|>"), text("A")}));
  CHECK(before->encode_framed("The sea") == framed({663}, {}));
}

TEST_CASE("a processor that adds nothing adds nothing, alone or in a sequence") {
  for (const Json& none : {Json(), kByteLevel, template_of({text("A")}),
                           Json{{"type", "Sequence"}, {"processors", Json::array({kByteLevel})}}})
    CHECK(with_processor(none)->encode_framed("The sea") == kSea);
  const Json adds = template_of({special("<|endoftext|>"), text("A")});
  const Json sequence = {{"type", "Sequence"}, {"processors", Json::array({kByteLevel, adds})}};
  CHECK(with_processor(sequence)->encode_framed("The sea") == framed({663}, {}));
}

TEST_CASE("a processor that is not understood is refused by its name") {
  const Json adds = template_of({special("<|endoftext|>"), text("A")});
  CHECK_ERROR(with_processor({{"type", "RobertaProcessing"}}), "got 'RobertaProcessing'");
  CHECK_ERROR(with_processor({{"type", "BertProcessing"}}), "got 'BertProcessing'");
  CHECK_ERROR(with_processor(7), "post_processor: expected an object");
  CHECK_ERROR(with_processor({{"kind", "x"}}), "post_processor: type is missing");
  CHECK_ERROR(with_processor({{"type", "TemplateProcessing"}}), "single is missing");
  CHECK_ERROR(with_processor(template_of({special("<|endoftext|>")})), "got it 0 times");
  CHECK_ERROR(with_processor(template_of({text("A"), text("A")})), "got it 2 times");
  CHECK_ERROR(with_processor(template_of({text("B")})), "expected the text A");
  CHECK_ERROR(with_processor(template_of({special("<s>"), text("A")})), "'<s>' is not among");
  Json beyond = adds;
  beyond["special_tokens"]["<|endoftext|>"]["ids"] = {689};
  CHECK_ERROR(with_processor(beyond), "puts the id 689 around a text, expected one from 0 to 688");
  beyond["special_tokens"]["<|endoftext|>"]["ids"] = {"663"};
  CHECK_ERROR(with_processor(beyond), "post_processor: ids");
  const Json nested = {{"type", "Sequence"}, {"processors", Json::array()}};
  CHECK_ERROR(with_processor({{"type", "Sequence"}, {"processors", Json::array({nested})}}),
              "a Sequence in a Sequence");
  CHECK_ERROR(with_processor({{"type", "Sequence"}, {"processors", Json::array({adds, adds})}}),
              "got two");
}

TEST_CASE("with tokenizer.json its post_processor counts, and add_bos_token does not") {
  const ScratchFolder folder;
  folder.write("tokenizer.json", read_file(kFolder + "/tokenizer.json", 1 << 24));
  folder.write("tokenizer_config.json", R"({"add_bos_token": true, "bos_token": "<|endoftext|>"})");
  CHECK(open_tokenizer(folder.path())->encode_framed("The sea") == kSea);
}

TEST_CASE("with vocab.json and merges.txt add_bos_token counts where a bos_token is named") {
  const ScratchFolder folder;
  for (const char* name : {"vocab.json", "merges.txt"})
    folder.write(name, read_file(kFolder + "/" + name, 1 << 24));
  Json config = parse_json_file(kFolder + "/tokenizer_config.json");
  const auto ids = [&] {
    folder.write("tokenizer_config.json", config.dump());
    return open_tokenizer(folder.path())->encode_framed("The sea");
  };
  CHECK(ids() == kSea);
  config["add_bos_token"] = true;
  CHECK(ids() == kSea);
  config["bos_token"] = "<|endoftext|>";
  config["add_eos_token"] = true;
  CHECK(ids() == framed({663}, {665}));
}

TEST_CASE("GGUF: add_bos_token and add_eos_token put bos_token_id and eos_token_id around a text") {
  const auto load = [](const std::vector<std::string>& more) {
    std::vector<std::string> values = GgufTokens().values();
    values.insert(values.end(), more.begin(), more.end());
    return parse_gguf(values);
  };
  const std::string yes(1, '\1'), no(1, '\0');
  const auto flag = [](const char* key, const std::string& value) {
    return test::kv(key, 7, value);
  };
  const std::string bos = kv_u32("tokenizer.ggml.bos_token_id", 257),
                    eos = kv_u32("tokenizer.ggml.eos_token_id", 258);
  CHECK(load_gguf_tokenizer(load({bos, eos}))->encode_framed("ab") == Ids{256});
  CHECK(load_gguf_tokenizer(load({bos, flag("tokenizer.ggml.add_bos_token", no)}))
            ->encode_framed("ab") == Ids{256});
  const GgufHeader both = load({bos, eos, flag("tokenizer.ggml.add_bos_token", yes),
                                flag("tokenizer.ggml.add_eos_token", yes)});
  CHECK(load_gguf_tokenizer(both)->encode_framed("ab") == Ids{257, 256, 258});
  CHECK(load_gguf_tokenizer(both)->encode("ab") == Ids{256});
  CHECK_ERROR(load_gguf_tokenizer(load({flag("tokenizer.ggml.add_bos_token", yes)})),
              "expected tokenizer.ggml.bos_token_id beside it");
  CHECK_ERROR(load_gguf_tokenizer(load({flag("tokenizer.ggml.add_bos_token", yes),
                                        kv_u32("tokenizer.ggml.bos_token_id", 300)})),
              "puts the id 300 around a text");
  // The folder made of the file does the same.
  const ScratchFolder folder;
  for (const TextFile& file : folder_text_files(both)) folder.write(file.name, file.bytes);
  CHECK(open_tokenizer(folder.path())->encode_framed("ab") == Ids{257, 256, 258});
}
