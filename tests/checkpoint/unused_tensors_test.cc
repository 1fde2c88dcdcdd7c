// Tensors that a file holds beyond what its model uses: refused by name where they could change the
// numbers, noted where they cannot.
#include "engine/checkpoint/unused_tensors.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "engine/base/check.h"
#include "engine/checkpoint/gguf_checkpoint.h"
#include "engine/model/weights.h"
#include "tests/checkpoint/edited_folder.h"
#include "tests/checkpoint/gguf_bytes.h"

using namespace qwench;
using namespace qwench::test;

#define CHECK_REFUSED(expression, words) \
  CHECK_THROWS_WITH_AS((void)(expression), doctest::Contains(words), Error)

namespace {

/// A vector of bf16 ones, or of zeros.
EditedTensor bf16_vector(int64_t n, bool zeros = false) {
  std::string data;
  for (int64_t i = 0; i < n; ++i) data += zeros ? std::string("\0\0", 2) : "\x80\x3f";
  return {"BF16", {n}, data};
}

/// Opens a golden folder with one tensor more.
std::vector<std::string> notes_with(const std::string& golden, const std::string& name,
                                    const EditedTensor& tensor) {
  EditedFolder folder(golden);
  folder.tensors[name] = tensor;
  const FolderCheckpoint checkpoint = folder.open();
  CHECK(checkpoint.find(name) == nullptr);
  return checkpoint.notes();
}

const std::string kQwen3 = "text/qwen3-tied-bf16";

}  // namespace

TEST_CASE("a tensor that the model has no place for is refused by name, with what it may be") {
  const auto check = [](const char* name, const char* hint) {
    CAPTURE(name);
    CHECK_REFUSED(notes_with(kQwen3, name, bf16_vector(64)), name);
    CHECK_REFUSED(notes_with(kQwen3, name, bf16_vector(64)), hint);
  };
  check("model.layers.2.input_layernorm.weight", "the configuration says 2 layers; correct it");
  check("model.layers.0.self_attn.q_proj.lora_A.weight", "an adapter is not applied; merge it");
  check("model.layers.0.self_attn.q_proj.bias", "expected a bias of zeros, since qwen3 has none");
  check("model.layers.1.self_attn.o_proj.bias", "expected a bias of zeros");
  check("model.layers.1.mlp.down_proj.bias", "expected a bias of zeros");
  check("model.norm.bias", "expected a bias of zeros");
  check("score.weight", "the model classifies text");
  check("visual.patch_embed.weight", "qwen3 has no such tensor");
  check("model.layers.0.mlp.gate_proj.weight_scale", "qwen3 has no such tensor");
  CHECK_REFUSED(notes_with("text/qwen2-untied-f32", "model.layers.0.self_attn.q_norm.weight",
                           bf16_vector(16)),
                "qwen2 has no such tensor");
}

TEST_CASE("fewer layers in config.json than are stored are refused") {
  EditedFolder folder(kQwen3);
  CHECK_NOTHROW(folder.open());
  folder.config["num_hidden_layers"] = 1;
  CHECK_REFUSED(folder.open(), "'model.layers.1.input_layernorm.weight'");
  CHECK_REFUSED(folder.open(), "and 5 more, which would be left out");
}

TEST_CASE("what changes nothing is dropped and noted") {
  const auto check = [](const std::string& name, const char* what) {
    CAPTURE(name);
    const auto notes = notes_with(kQwen3, name, bf16_vector(4));
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].find(what) != std::string::npos);
    CHECK(notes[0].find("'" + name + "'") != std::string::npos);
  };
  check("mtp.layers.0.input_layernorm.weight", "predict several tokens");
  check("model.layers.0.self_attn.rotary_emb.inv_freq", "rotary frequencies");
  check("model.layers.0.self_attn.masked_bias", "an attention mask");
  check("model.layers.0.self_attn.k_scale", "quantised keys and values");
  check("model.layers.0.mlp.up_proj.input_scale", "rounded activations");
  check("v_head.summary.weight", "a value head");
  const auto notes = notes_with(kQwen3, "model.layers.0.mlp.up_proj.bias", bf16_vector(160, true));
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("biases of zeros") != std::string::npos);
  CHECK(notes_with(kQwen3, "mtp.norm.weight", {"F8_E4M3", {2}, "xx"}).size() == 1);
}

TEST_CASE("a head beside tied embeddings must hold their values") {
  EditedFolder folder(kQwen3);
  const auto load = [&] { check_tied_head(folder.open()); };
  const EditedTensor embedding = folder.tensors.at("model.embed_tokens.weight");
  EditedTensor& head = folder.tensors["lm_head.weight"] = embedding;
  CHECK_NOTHROW(load());
  head.data[head.data.size() - 1] ^= 1;
  CHECK_REFUSED(load(), "lm_head.weight: expected the values of model.embed_tokens.weight");
  CHECK_REFUSED(load(), "tie_word_embeddings");
  folder.config["tie_word_embeddings"] = false;
  CHECK_NOTHROW(load());
  folder.config["tie_word_embeddings"] = true;
  head.data.resize(head.data.size() / 2), head.shape[0] /= 2;
  CHECK_REFUSED(load(), "got shape [160, 64]");
  std::vector<float> wide;  // the same values in another type
  for (size_t i = 0; i < embedding.data.size(); i += 2) {
    uint32_t bits = 0;
    std::memcpy(reinterpret_cast<char*>(&bits) + 2, &embedding.data[i], 2);
    float value = 0;
    std::memcpy(&value, &bits, 4);
    wide.push_back(value);
  }
  head = {"F32", embedding.shape, bytes_of(wide)};
  CHECK_NOTHROW(load());
}

TEST_CASE("the type of the weights is what the tensors say, whatever the label") {
  EditedFolder folder(kQwen3);
  for (const char* label : {"float32", "float8_e4m3fn", "auto"}) {
    folder.config["dtype"] = label;
    CHECK(folder.open().config().stored_dtype == DType::kBF16);
  }
}

TEST_CASE("GGUF: what the architecture has no place for is refused, zero biases are noted") {
  const ScratchFolder folder;
  const auto open_with = [&](const char* name, float value) {
    GgufBytes f = small_model();
    f.tensors.push_back(tensor(name, {32}, 0, 4 * 32 * 4));
    for (int i = 0; i < 32; ++i) f.data += le(value);
    return GgufCheckpoint(folder.write("f.gguf", f.file()), {}).notes();
  };
  CHECK(open_with("blk.0.attn_norm.weight", 1).empty());
  CHECK_REFUSED(open_with("blk.1.attn_norm.weight", 1), "got 'blk.1.attn_norm.weight', which");
  CHECK_REFUSED(open_with("blk.1.attn_norm.weight", 1), "the configuration says 1 layers");
  CHECK_REFUSED(open_with("blk.0.attn_q.bias", 1), "expected a bias of zeros");
  CHECK(open_with("blk.0.attn_q.bias", 0).size() == 1);
  CHECK_REFUSED(open_with("rope_freqs.weight", 1), "would be left out");
  CHECK_REFUSED(open_with("blk.0.attn_q.weight.lora_a", 1), "merge it into one first");
}
