// What is written is what is read back: weights bit for bit, config, tokenizer, template, sampling.
#include "engine/checkpoint/gguf_writer.h"

#include <cmath>
#include <cstring>

#include "engine/base/check.h"
#include "engine/checkpoint/gguf_checkpoint.h"
#include "engine/checkpoint/random.h"
#include "engine/formats/format.h"
#include "engine/text/chat.h"
#include "engine/text/load_gguf.h"
#include "engine/text/save_gguf.h"
#include "tests/support/quantized_folders.h"
#include "tests/support/scratch.h"

using namespace qwench;
using namespace qwench::test;

namespace {

std::vector<char> stored_bytes(const Checkpoint& checkpoint, const TensorInfo& info) {
  std::vector<char> bytes(size_t(info.bytes()));
  checkpoint.read(info, 0, info.shape.count(), bytes.data());
  return bytes;
}

/// Writes a checkpoint as it is, large tensors in parts of `part` bytes.
void write_gguf(const std::string& path, const Checkpoint& from, const GgufKeys& text,
                int64_t part = INT64_MAX) {
  GgufWriter out(path, from.config(), text);
  const auto as_written = [](TensorInfo info) {
    if (info.shape.rank == 1) info.dtype = DType::kF32;
    return info;
  };
  for (const TensorInfo& info : from.tensors()) out.add(as_written(info));
  for (const TensorInfo& info : from.tensors()) {
    std::vector<char> bytes = stored_bytes(from, info);
    if (as_written(info).dtype != info.dtype) {
      std::vector<char> floats(size_t(info.shape.count()) * 4);
      convert_rows(bytes.data(), info.dtype, floats.data(), DType::kF32, 1, info.cols());
      bytes.swap(floats);
    }
    const int64_t size = int64_t(bytes.size());
    for (int64_t at = 0; at < size; at += std::min(part, size - at))
      out.write(info.name, bytes.data() + at, std::min(part, size - at));
  }
  out.close();
}

void check_same_config(const ModelConfig& a, const ModelConfig& b) {
  CHECK(a.model_type == b.model_type);
  CHECK(a.dim == b.dim);
  CHECK(a.n_layers == b.n_layers);
  CHECK(a.n_heads == b.n_heads);
  CHECK(a.n_kv_heads == b.n_kv_heads);
  CHECK(a.head_dim == b.head_dim);
  CHECK(a.ffn_dim == b.ffn_dim);
  CHECK(a.vocab == b.vocab);
  CHECK(a.max_positions == b.max_positions);
  CHECK(a.norm_eps == b.norm_eps);
  CHECK(a.tied_embeddings == b.tied_embeddings);
  CHECK(a.rope.type == b.rope.type);
  CHECK(a.rope.theta == b.rope.theta);
  CHECK(a.rope.factor == b.rope.factor);
  CHECK(a.rope.original_positions == b.rope.original_positions);
  CHECK(a.rope.attention_factor == doctest::Approx(b.rope.attention_factor).epsilon(1e-7));
  CHECK(a.rope.beta_fast == b.rope.beta_fast);
  CHECK(a.rope.beta_slow == b.rope.beta_slow);
}

}  // namespace

TEST_CASE("a folder written as GGUF and read back has the same weights and the same logits") {
  for (const std::string& folder : golden_text_folders()) {
    CAPTURE(folder);
    const ScratchFolder scratch;
    const std::string path = scratch.file("m.gguf");
    const TestModel before(folder, "reference");
    write_gguf(path, *before.checkpoint, gguf_text_keys(folder, before.model.config), 1000);
    const TestModel after(path, "reference");
    check_same_config(after.model.config, before.model.config);
    for (const TensorInfo& info : before.checkpoint->tensors()) {
      const TensorInfo* got = after.checkpoint->find(info.name);
      REQUIRE(got != nullptr);
      CHECK(got->shape == info.shape);
      if (info.shape.rank == 2) {
        CHECK(got->dtype == info.dtype);
        CHECK(stored_bytes(*after.checkpoint, *got) == stored_bytes(*before.checkpoint, info));
      }
    }
    const std::vector<int32_t> prompt = expected_ints(folder, "input_ids");
    const std::vector<float> a = prompt_logits(before, prompt, 64),
                             b = prompt_logits(after, prompt, 64);
    CHECK(std::memcmp(a.data(), b.data(), a.size() * 4) == 0);
  }
}

TEST_CASE("a GGUF file written again from what was read is the same model") {
  for (const std::string& folder : gguf_folders()) {
    CAPTURE(folder);
    const ScratchFolder scratch;
    const std::string path = scratch.file("m.gguf"), source = gguf_in(folder);
    const GgufCheckpoint before(source, {});
    write_gguf(path, before, gguf_text_keys(source, before.config()));
    const GgufCheckpoint after(path, {});
    check_same_config(after.config(), before.config());
    CHECK(after.config().eos_ids == before.config().eos_ids);
    REQUIRE(after.tensors().size() == before.tensors().size());
    for (const TensorInfo& info : before.tensors())
      CHECK(stored_bytes(after, *after.find(info.name)) == stored_bytes(before, info));
    for (const char* key :
         {"tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.token_type",
          "tokenizer.chat_template", "general.name"}) {
      const GgufValue *a = before.header().find(key), *b = after.header().find(key);
      REQUIRE(a != nullptr);
      REQUIRE(b != nullptr);
      CHECK(before.header().bytes(*a) == after.header().bytes(*b));
    }
  }
}

TEST_CASE("quantised weights are written in their own types") {
  const auto card = open_checkpoint("qwen3-0.6b", {});
  ModelConfig config = card->config();
  config.dim = config.ffn_dim = 64;
  config.n_layers = 1;
  config.n_heads = config.n_kv_heads = 2;
  config.head_dim = 32;
  config.vocab = 300;
  const RandomCheckpoint random("small", config, {});
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kF16}) {
    const ScratchFolder scratch;
    const std::string path = scratch.file("m.gguf");
    GgufWriter out(path, config, gguf_text_keys("small", config));
    std::vector<TensorInfo> infos = expected_tensors(config, dtype);
    for (TensorInfo& info : infos)
      if (info.shape.rank == 1) info.dtype = DType::kF32;
    for (const TensorInfo& info : infos) out.add(info);
    std::vector<std::vector<char>> written;
    for (const TensorInfo& info : infos) {
      const std::vector<char> plain = stored_bytes(random, *random.find(info.name));
      written.emplace_back(size_t(info.bytes()));
      convert_rows(plain.data(), random.find(info.name)->dtype, written.back().data(), info.dtype,
                   info.rows(), info.cols());
      out.write(info.name, written.back().data(), info.bytes());
    }
    out.close();
    const GgufCheckpoint read(path, {});
    CHECK(read.config().stored_dtype == dtype);
    for (size_t i = 0; i < infos.size(); ++i) {
      CHECK(read.find(infos[i].name)->dtype == infos[i].dtype);
      CHECK(stored_bytes(read, *read.find(infos[i].name)) == written[i]);
    }
    // The placeholder tokenizer: bytes, one merge, the ends of texts; the rest is padding.
    const auto tokenizer = open_tokenizer(path);
    REQUIRE(tokenizer != nullptr);
    CHECK(tokenizer->size() == 260);
    CHECK(tokenizer->encode("  ") == std::vector<int32_t>{256});
    CHECK(tokenizer->decode(tokenizer->encode("a \xc3\xa9"), false) == "a \xc3\xa9");
    CHECK(read_generation_config(path).eos_ids == std::vector<int32_t>{259, 257});
  }
}

TEST_CASE("a folder's tokenizer, template and sampling are in the file that is written") {
  const std::string folder = data_folder("text-chat/qwen3-chat-bf16");
  const ScratchFolder scratch;
  const std::string path = scratch.file("m.gguf");
  const auto before = open_checkpoint(folder, {});
  write_gguf(path, *before, gguf_text_keys(folder, before->config()));
  const auto ours = open_tokenizer(path), theirs = open_tokenizer(folder);
  REQUIRE(ours != nullptr);
  CHECK(ours->size() == theirs->size());
  for (int32_t id = 0; id < theirs->size(); ++id) {
    CHECK(ours->token_bytes(id) == theirs->token_bytes(id));
    CHECK(ours->is_special(id) == theirs->is_special(id));
  }
  const std::string text =
      "<|im_start|>user\nHello, the caf\xc3\xa9 e\xcc\x81 12.5%<|im_end|>\n<think>";
  CHECK(ours->encode(text) == theirs->encode(text));
  CHECK(read_chat_template(path) == read_chat_template(folder));
  CHECK(detect_chat_template(path, "") == ChatTemplate::kQwen3);
  const GenerationConfig a = read_generation_config(path), b = read_generation_config(folder);
  CHECK(a.sampling.greedy == b.sampling.greedy);
  CHECK(a.sampling.temperature == b.sampling.temperature);
  CHECK(a.sampling.top_k == b.sampling.top_k);
  CHECK(a.sampling.top_p == b.sampling.top_p);
  for (const int32_t id : b.eos_ids)
    CHECK(std::find(a.eos_ids.begin(), a.eos_ids.end(), id) != a.eos_ids.end());
}

TEST_CASE("what GGUF cannot hold is refused, and nothing is left under the final name") {
  const std::string folder = data_folder("text/qwen3-untied-f32");
  const auto from = open_checkpoint(folder, {});
  const ScratchFolder scratch;
  const std::string path = scratch.file("m.gguf");
  {
    GgufWriter out(path, from->config(), gguf_text_keys("", from->config()));
    TensorInfo info{"model.layers.0.mlp.up_proj.weight", DType::kQ4G, {4, 32}};
    CHECK_THROWS_WITH_AS(out.add(info), doctest::Contains("GGUF has no type for q4g"), Error);
    info = {"visual.blocks.0.norm1.weight", DType::kF32, {32}};
    CHECK_THROWS_WITH_AS(out.add(info), doctest::Contains("GGUF has no name for it"), Error);
  }
  CHECK(std::filesystem::is_empty(scratch.path()));
  ModelConfig yarn = from->config();
  yarn.rope.type = RopeType::kYarn;
  yarn.rope.truncate = false;
  CHECK_THROWS_WITH_AS(gguf_config_keys(yarn), doctest::Contains("truncate false"), Error);
}
