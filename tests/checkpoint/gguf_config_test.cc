// The keys of sound and unsound models, and files split into shards.
#include "engine/checkpoint/gguf_config.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "engine/base/check.h"
#include "engine/checkpoint/gguf_checkpoint.h"
#include "tests/checkpoint/gguf_bytes.h"
#include "tests/support/scratch.h"

using namespace qwench;
using namespace qwench::test;

#define CHECK_REFUSED(expression, words) \
  CHECK_THROWS_WITH_AS((void)(expression), doctest::Contains(words), Error)

namespace {

ModelConfig open_config(const GgufBytes& f) {
  const ScratchFolder folder;
  return GgufCheckpoint(folder.write("f.gguf", f.file()), {}).config();
}

/// The small model with one key replaced, or added when it has no such key yet.
GgufBytes with(std::string_view key, const std::string& value) {
  GgufBytes f = small_model();
  for (std::string& old : f.values)
    if (old.substr(0, 8 + key.size()) == text(key)) {
      old = value;
      return f;
    }
  f.values.push_back(value);
  return f;
}
GgufBytes with_u32(std::string_view key, uint32_t value) { return with(key, kv_u32(key, value)); }
GgufBytes with_f32(std::string_view key, float value) { return with(key, kv_f32(key, value)); }
GgufBytes without(std::string_view key) {
  GgufBytes f = small_model();
  for (size_t i = 0; i < f.values.size(); ++i)
    if (f.values[i].substr(0, 8 + key.size()) == text(key))
      f.values.erase(f.values.begin() + long(i));
  return f;
}

/// Shard `no` of `count`, with one tensor.
GgufBytes shard(uint16_t no, uint16_t count, int32_t total, const std::string& info, size_t data) {
  GgufBytes f;
  if (no == 0) f.values = small_keys();
  f.values.push_back(kv("split.no", 2, le(no)));
  f.values.push_back(kv("split.count", 2, le(count)));
  f.values.push_back(kv("split.tensors.count", 5, le(total)));
  f.tensors = {info};
  f.data.assign(data, '\0');
  return f;
}

}  // namespace

TEST_CASE("the keys of a GGUF file are the facts of the model") {
  const ModelConfig c = open_config(small_model());
  CHECK(c.model_type == "qwen3");
  CHECK(c.dim == 32);
  CHECK(c.n_layers == 1);
  CHECK(c.n_heads == 2);
  CHECK(c.n_kv_heads == 1);
  CHECK(c.head_dim == 16);
  CHECK(c.ffn_dim == 32);
  CHECK(c.vocab == 4);
  CHECK(c.max_positions == 64);
  CHECK(c.norm_eps == 1e-6);  // not 9.99999997e-07
  CHECK(c.rope.theta == 1e6);
  CHECK(c.rope.type == RopeType::kDefault);
  CHECK(c.tied_embeddings);
  CHECK(c.qk_norm);
  CHECK_FALSE(c.qkv_bias);
}

TEST_CASE("absent keys have their defaults, and older spellings are read") {
  CHECK(open_config(without("qwen3.attention.head_count_kv")).n_kv_heads == 2);
  GgufBytes f = without("qwen3.attention.key_length");
  CHECK(open_config(f).head_dim == 16);  // 32 / 2
  f.values.push_back(kv_u32("qwen3.rope.dimension_count", 16));
  CHECK(open_config(f).head_dim == 16);
  CHECK(open_config(with("qwen3.block_count", kv("qwen3.block_count", 11, le(int64_t(1)))))
            .n_layers == 1);
  GgufBytes ends = with_u32("tokenizer.ggml.eos_token_id", 2);
  ends.values.push_back(kv_u32("tokenizer.ggml.eot_token_id", 3));
  CHECK(open_config(ends).eos_ids == std::vector<int32_t>{2, 3});
}

TEST_CASE("YaRN's keys are those of config.json") {
  GgufBytes f = with("qwen3.rope.scaling.type", kv_text("qwen3.rope.scaling.type", "yarn"));
  f.values.push_back(kv_f32("qwen3.rope.scaling.factor", 4));
  f.values.push_back(kv_u32("qwen3.rope.scaling.original_context_length", 16));
  const ModelConfig c = open_config(f);
  CHECK(c.rope.type == RopeType::kYarn);
  CHECK(c.rope.factor == 4);
  CHECK(c.rope.original_positions == 16);
  CHECK(c.rope.attention_factor == doctest::Approx(0.1 * std::log(4.0) + 1));
  f.values.push_back(kv_f32("qwen3.rope.scaling.attn_factor", 0.5f));
  CHECK(open_config(f).rope.attention_factor == doctest::Approx(0.05 * std::log(4.0) + 0.5));
  f.values.push_back(kv_f32("qwen3.rope.scaling.yarn_beta_fast", 0.5f));
  CHECK_REFUSED(open_config(f), "yarn_beta_fast");
}

TEST_CASE("a scaling without a type, or beside one that does not scale, is refused") {
  const auto scaled = [](const char* type, const std::string& key_value) {
    GgufBytes f = small_model();
    if (*type) f.values.push_back(kv_text("qwen3.rope.scaling.type", type));
    f.values.push_back(key_value);
    return f;
  };
  const std::string factor = kv_f32("qwen3.rope.scaling.factor", 4);
  CHECK_REFUSED(open_config(scaled("", factor)), "beside no rope.scaling.type, got 4");
  CHECK_REFUSED(open_config(scaled("linear", factor)), "beside rope.scaling.type 'linear', got 4");
  CHECK_REFUSED(open_config(scaled("", kv_f32("qwen3.rope.scale_linear", 4))), "got 4");
  CHECK_REFUSED(open_config(scaled("none", kv_f32("qwen3.rope.scaling.attn_factor", 2))), "got 2");
  CHECK_REFUSED(open_config(scaled("none", kv_f32("qwen3.rope.scaling.yarn_beta_fast", 32))),
                "expected it beside rope.scaling.type 'yarn'");
  CHECK_REFUSED(open_config(scaled("longrope", factor)), "expected 'none' or 'yarn'");
  for (const auto& nothing :
       {scaled("none", factor), scaled("linear", kv_f32("qwen3.rope.scaling.factor", 1)),
        scaled("", kv_f32("qwen3.rope.scaling.factor", 0)),
        scaled("", kv_u32("qwen3.rope.scaling.original_context_length", 16))})
    CHECK(open_config(nothing).rope.type == RopeType::kDefault);
}

TEST_CASE("an array of equal numbers for all layers is that number") {
  const auto layers = [](const char* key, const std::vector<int32_t>& values) {
    GgufBytes f = with("qwen3.block_count", kv_u32("qwen3.block_count", 2));
    for (std::string& old : f.values)
      if (old.substr(0, 8 + std::string(key).size()) == text(key)) old = kv_i32s(key, values);
    return f;
  };
  CHECK(open_config(layers("qwen3.attention.head_count_kv", {1, 1})).n_kv_heads == 1);
  CHECK(open_config(layers("qwen3.attention.head_count", {2, 2})).n_heads == 2);
  CHECK(open_config(layers("qwen3.feed_forward_length", {32, 32})).ffn_dim == 32);
  CHECK(open_config(layers("qwen3.attention.key_length", {16, 16})).head_dim == 16);
  CHECK_REFUSED(open_config(layers("qwen3.attention.head_count_kv", {1, 2})),
                "expected the same for all layers, got 1 in layer 0 and 2 in layer 1");
  CHECK_REFUSED(open_config(layers("qwen3.feed_forward_length", {32})),
                "expected one for each of 2 layers (block_count), got 1");
  CHECK_REFUSED(open_config(layers("qwen3.embedding_length", {32, 32})), "value of type array");
}

TEST_CASE("what other architectures compute otherwise is refused unless it is neutral") {
  for (const char* key : {"logit_scale", "residual_scale", "embedding_scale", "attention.scale",
                          "attention.clamp_kqv", "attn_logit_softcapping",
                          "final_logit_softcapping", "rope.scaling.alpha"}) {
    const std::string name = std::string("qwen3.") + key;
    CAPTURE(name);
    CHECK_REFUSED(open_config(with_f32(name, 2)), "which is not supported");
    CHECK_NOTHROW(open_config(with_f32(name, 0)));
  }
  const auto sections = [](const std::vector<int32_t>& values) {
    return with("qwen3.rope.dimension_sections", kv_i32s("qwen3.rope.dimension_sections", values));
  };
  CHECK_REFUSED(open_config(sections({4, 2, 2, 0})), "M-RoPE is not supported");
  CHECK_NOTHROW(open_config(sections({0, 0, 0, 0})));
}

TEST_CASE("keys of the architecture that nobody knows are noted") {
  const ScratchFolder folder;
  const auto notes = [&](const GgufBytes& f) {
    return GgufCheckpoint(folder.write("f.gguf", f.file()), {}).notes();
  };
  CHECK(notes(small_model()).empty());
  const auto said = notes(with_u32("qwen3.attention.indexer.top_k", 8));
  REQUIRE(said.size() == 1);
  CHECK(said[0].find("not known and not read: 'qwen3.attention.indexer.top_k'") !=
        std::string::npos);
}

TEST_CASE("the vision part of a model is named, with what to give instead") {
  CHECK_REFUSED(open_config(with("general.architecture", kv_text("general.architecture", "clip"))),
                "this is the vision part of a model (mmproj): give the file of the model");
}

TEST_CASE("sizes out of range name key and byte") {
  const std::vector<std::pair<const char*, std::vector<uint32_t>>> wrong = {
      {"qwen3.block_count", {0, 1001, UINT32_MAX}},
      {"qwen3.context_length", {0, UINT32_MAX}},
      {"qwen3.embedding_length", {0, 1 << 18}},
      {"qwen3.feed_forward_length", {0, UINT32_MAX}},
      {"qwen3.attention.head_count", {0, 5000}},
      {"qwen3.attention.head_count_kv", {0, 3}},
      {"qwen3.attention.key_length", {0, 1, 15, 2048}},
      {"qwen3.attention.value_length", {8, 32}},
      {"qwen3.rope.dimension_count", {8}},
      {"qwen3.expert_count", {8}},
      {"qwen3.attention.sliding_window", {16}},
      {"qwen3.vocab_size", {5}},
      {"tokenizer.ggml.eos_token_id", {4, UINT32_MAX}}};
  for (const auto& [key, values] : wrong)
    for (const uint32_t value : values) {
      CAPTURE(value);
      CHECK_REFUSED(open_config(with_u32(key, value)),
                    fmt::format("key '{}' at byte", key).c_str());
    }
  for (const char* key : {"qwen3.block_count", "qwen3.context_length", "qwen3.embedding_length",
                          "qwen3.feed_forward_length", "qwen3.attention.head_count",
                          "qwen3.attention.layer_norm_rms_epsilon", "qwen3.rope.freq_base"})
    CHECK_REFUSED(open_config(without(key)), fmt::format("key '{}' is missing", key).c_str());
}

TEST_CASE("numbers out of range and values of other types name key and byte") {
  for (const float value : {0.0f, -1.0f, 2.0f, NAN, INFINITY})
    CHECK_REFUSED(open_config(with_f32("qwen3.attention.layer_norm_rms_epsilon", value)),
                  "layer_norm_rms_epsilon' at byte");
  for (const float value : {0.0f, 1.0f, -1e6f, NAN, INFINITY})
    CHECK_REFUSED(open_config(with_f32("qwen3.rope.freq_base", value)), "freq_base' at byte");
  CHECK_REFUSED(open_config(with_f32("qwen3.block_count", 1)),
                "expected an integer, got a value of type f32");
  CHECK_REFUSED(
      open_config(with("qwen3.embedding_length", kv_i32s("qwen3.embedding_length", {32}))),
      "got a value of type array");
  CHECK_REFUSED(open_config(with("qwen3.block_count", kv("qwen3.block_count", 10, le(UINT64_MAX)))),
                "got 9223372036854775807 or more");
  CHECK_REFUSED(
      open_config(with("qwen3.rope.scaling.type", kv_text("qwen3.rope.scaling.type", "longrope"))),
      "got 'longrope'");
  CHECK_REFUSED(open_config(with("qwen3.attention.causal",
                                 kv("qwen3.attention.causal", 7, std::string(1, '\0')))),
                "expected true");
  CHECK_REFUSED(open_config(with_f32("qwen3.rope.scale_linear", 2)), "scale_linear' at byte");
  CHECK_REFUSED(open_config(with("tokenizer.ggml.tokens",
                                 kv_texts("tokenizer.ggml.tokens", {"a", "b", "c", "d", "e"}))),
                "expected at most 4 tokens");
}

TEST_CASE("G31: shards that are missing, swapped, doubled, cut or of another model") {
  const ScratchFolder folder;
  const std::string first = tensor("token_embd.weight", {32, 4}, 0, 0);
  const std::string norm = tensor("output_norm.weight", {32}, 0, 0);
  const auto put = [&](int no, const GgufBytes& f) {
    return folder.write(fmt::format("m-{:05}-of-00003.gguf", no + 1), f.file());
  };
  const std::string path = put(0, shard(0, 3, 3, first, 512));
  const auto open = [&] { return GgufCheckpoint(path, {}); };
  CHECK_REFUSED(open(), "shard 2 of 3");
  const std::string second = put(1, shard(1, 3, 3, norm, 128));
  CHECK_REFUSED(open(), "shard 3 of 3");
  const GgufBytes third = shard(2, 3, 3, tensor("blk.0.attn_norm.weight", {32}, 0, 0), 128);
  put(2, third);
  CHECK_NOTHROW(open());
  CHECK(open().tensors().size() == 3);
  CHECK_REFUSED(GgufCheckpoint(second, {}), "give the first shard");

  put(2, shard(1, 3, 3, norm, 128));
  CHECK_REFUSED(open(), "'split.no' at byte");  // the same shard twice, or swapped
  put(2, shard(2, 3, 3, norm, 128));
  CHECK_REFUSED(open(), "'output_norm.weight' is there twice");
  put(2, shard(2, 4, 3, norm, 128));
  CHECK_REFUSED(open(), "'split.count' at byte");
  put(2, shard(2, 3, 9, third.tensors[0], 128));
  CHECK_REFUSED(open(), "another number of tensors");
  GgufBytes cut = third;
  cut.data.resize(100);
  put(2, cut);
  CHECK_REFUSED(open(), "shard 3 of 3");
  GgufBytes bare = third;
  bare.values.clear();
  put(2, bare);
  CHECK_REFUSED(open(), "key 'split.no' is missing");
}

TEST_CASE("G31: a first shard by another name, and counts that are none") {
  const ScratchFolder folder;
  const std::string info = tensor("token_embd.weight", {32, 4}, 0, 0);
  CHECK_REFUSED(GgufCheckpoint(folder.write("m.gguf", shard(0, 2, 2, info, 512).file()), {}),
                "expected a name that ends in -00001-of-00002.gguf");
  CHECK_REFUSED(GgufCheckpoint(folder.write("n.gguf", shard(0, 0, 1, info, 512).file()), {}),
                "'split.count' at byte");
  CHECK_REFUSED(GgufCheckpoint(folder.write("o.gguf", shard(0, 65535, 1, info, 512).file()), {}),
                "'split.count' at byte");
  CHECK_NOTHROW(GgufCheckpoint(folder.write("p.gguf", shard(0, 1, 1, info, 512).file()), {}));
}
