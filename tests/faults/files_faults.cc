// What the program makes of a model's files: every statement of theirs that it follows, refuses or notes
// is turned once. One table, a few words a row: it is longer than files are, and nothing but a list.
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/checkpoint/edited_folder.h"
#include "tests/checkpoint/gguf_bytes.h"
#include "tests/faults/planted_fault.h"

namespace qwench::test {

namespace {

namespace fs = std::filesystem;
using Edit = std::function<void(EditedFolder&)>;

const std::string kTied = "text/qwen3-tied-bf16", kUntied = "text/qwen2-untied-f32";
const std::string kGptq = "gptq-qwen3-int4-g32-v1-descact", kAwq = "awq-qwen2-int4-g128",
                  kCt = "ct-qwen3-w4a16-g32-asym", kFp8 = "fp8-qwen3-block128-ragged-f32scale";
const Conclusion kLoaded = {0, "parameters:"};

/// `inspect` of a copy of a folder with something changed in it.
std::function<Conclusion()> inspect(const std::string& golden, const Edit& edit = {}) {
  return [=] {
    EditedFolder folder(golden);
    if (edit) edit(folder);
    folder.save();
    return program("inspect -m " + folder.path())();
  };
}

/// The same where files are changed after they were written: `edit` gets the folder's path.
std::function<Conclusion()> inspect_files(const std::function<void(const std::string&)>& edit) {
  return [=] {
    EditedFolder folder(kTied);
    folder.save();
    edit(folder.path() + "/");
    return program("inspect -m " + folder.path())();
  };
}

/// Whether words are said: "said" or "silent".
std::function<Conclusion()> if_said(const std::string& words,
                                    const std::function<Conclusion()>& concluded) {
  return [=] {
    const Conclusion all = concluded();
    const bool said = all.verdict.find(words) != std::string::npos;
    return Conclusion{all.exit_code, said ? "said" : "silent"};
  };
}

/// The same of a command ("run -m {}") on a copy of a folder.
std::function<Conclusion()> says(const std::string& words, const std::string& command,
                                 const std::string& golden, const Edit& edit = {}) {
  return if_said(words, [=] {
    EditedFolder folder(golden);
    if (edit) edit(folder);
    folder.save();
    return program(fmt::format(fmt::runtime(command), folder.path()))();
  });
}

Edit with_config(const std::string& key, const Json& value) {
  return [=](EditedFolder& folder) { folder.config[key] = value; };
}
Edit with_option(const std::string& key, const Json& value) {
  return [=](EditedFolder& folder) { folder.options()[key] = value; };
}
Edit with_vector(const std::string& name, float value = 1) {
  return [=](EditedFolder& folder) {
    folder.tensors[name] = {"F32", {64}, bytes_of(std::vector<float>(64, value))};
  };
}
/// A head beside the tied embeddings, with their values but for these bits of one.
Edit with_head(char flipped) {
  return [=](EditedFolder& folder) {
    EditedTensor head = folder.tensors.at("model.embed_tokens.weight");
    head.data[7] = char(head.data[7] ^ flipped);
    folder.tensors["lm_head.weight"] = head;
  };
}
/// All zero points of a symmetric GPTQ folder.
Edit with_zeros(char byte) {
  return [=](EditedFolder& folder) {
    for (auto& [name, tensor] : folder.tensors)
      if (name.find("qzeros") != std::string::npos)
        std::fill(tensor.data.begin(), tensor.data.end(), byte);
  };
}
/// Few positions, and YaRN on top where a factor is given.
Edit with_positions(double factor) {
  return [=](EditedFolder& folder) {
    folder.config["max_position_embeddings"] = 4;
    if (factor > 1)
      folder.config["rope_scaling"] = {{"type", "yarn"},
                                       {"factor", factor},
                                       {"rope_theta", 1e6},
                                       {"original_max_position_embeddings", 4}};
  };
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
void write_index(const std::string& folder, const std::string& tensor, const std::string& file) {
  Json map = Json::object();
  const SafetensorsFile weights(folder + "model.safetensors");
  for (const StoredTensor& t : weights.tensors()) map[t.name] = "w.safetensors";
  if (!tensor.empty()) map[tensor] = file;
  write(folder + "model.safetensors.index.json", Json{{"weight_map", map}}.dump());
  fs::rename(folder + "model.safetensors", folder + "w.safetensors");
}

/// `inspect` of a GGUF file of one layer.
std::function<Conclusion()> inspect_gguf(const std::function<void(GgufBytes&)>& edit = {}) {
  return [=] {
    const ScratchFolder folder;
    GgufBytes f = small_model();
    const auto add = [&](const std::string& name, const std::vector<uint64_t>& dims) {
      uint64_t n = 4;
      for (const uint64_t dim : dims) n *= dim;
      f.tensors.push_back(tensor(name, dims, 0, f.data.size()));
      f.data.append(n, '\0');
    };
    for (const char* norm : {"output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"})
      add(std::string(norm) + ".weight", {32});
    for (const char* norm : {"attn_q_norm", "attn_k_norm"})
      add(fmt::format("blk.0.{}.weight", norm), {16});
    for (const char* square : {"attn_q", "attn_output", "ffn_gate", "ffn_up", "ffn_down"})
      add(fmt::format("blk.0.{}.weight", square), {32, 32});
    for (const char* narrow : {"attn_k", "attn_v"})
      add(fmt::format("blk.0.{}.weight", narrow), {32, 16});
    if (edit) edit(f);
    return program("inspect -m " + folder.write("m.gguf", f.file()))();
  };
}
std::function<void(GgufBytes&)> with_key(const std::string& key_value) {
  return [=](GgufBytes& f) { f.values.push_back(key_value); };
}
std::function<void(GgufBytes&)> with_heads(const std::vector<int32_t>& heads) {
  return [=](GgufBytes& f) {
    for (std::string& value : f.values)
      if (value.find("head_count_kv") != std::string::npos)
        value = kv_i32s("qwen3.attention.head_count_kv", heads);
  };
}

/// `inspect -m qwench-tiny` with another folder of models.
Conclusion by_name(const std::string& models) {
  setenv("QWENCH_MODELS", models.c_str(), 1);
  const Conclusion conclusion = program("inspect -m qwench-tiny")();
  unsetenv("QWENCH_MODELS");
  return conclusion;
}
/// `inspect -m Qwen/Tiny` with a cache that has that model, or not.
Conclusion by_id(bool cached) {
  const ScratchFolder cache;
  const std::string entry = cache.file("models--Qwen--Tiny/");
  cache.write("models--Qwen--Tiny/refs/main", "1f");
  if (cached) {
    fs::create_directory(entry + "snapshots");
    fs::copy(data_folder(kTied), entry + "snapshots/1f");
  }
  setenv("HF_HUB_CACHE", cache.path().c_str(), 1);
  const Conclusion conclusion = program("inspect -m Qwen/Tiny")();
  unsetenv("HF_HUB_CACHE");
  return conclusion;
}

void add_tensor_faults(FaultTable& table) {
  const auto add = [&](const char* fault, const Edit& edit, const char* words) {
    table.push_back({"inspect: the tensors are those of the model",
                     fault,
                     inspect(kTied),
                     inspect(kTied, edit),
                     kLoaded,
                     {1, words}});
  };
  add("config.json says fewer layers than are stored", with_config("num_hidden_layers", 1),
      "would be left out; the configuration says 1 layers");
  add("config.json says more layers than are stored", with_config("num_hidden_layers", 3),
      "model.layers.2.input_layernorm.weight: missing");
  add("a bias that qwen3 has no place for", with_vector("model.layers.0.self_attn.q_proj.bias"),
      "expected a bias of zeros");
  add("a LoRA matrix", with_vector("model.layers.0.self_attn.q_proj.lora_A.weight"),
      "an adapter is not applied");
  add("a tensor of another family", with_vector("visual.patch_embed.weight"), "no such tensor");
  add("a head that classifies", with_vector("score.weight"), "classifies text");
  add("a larger vocabulary than is stored", with_config("vocab_size", 321),
      "model.embed_tokens.weight: expected shape [321, 64]");
  const std::string run = "run -m {} --tokens 1,2 -n 1 -t 1", read = "inspect -m {}";
  table.push_back({"run: the head is the embeddings",
                   "one bit of it differs",
                   says("expected the values of", run, kTied, with_head(0)),
                   says("expected the values of", run, kTied, with_head(1)),
                   {0, "silent"},
                   {1, "said"}});
  table.push_back({"inspect: all tensors are used",
                   "layers that predict several tokens",
                   says("not used", read, kTied),
                   says("not used", read, kTied, with_vector("mtp.norm.weight")),
                   {0, "silent"},
                   {0, "said"}});
  table.push_back({"inspect: an unused bias is zero",
                   "it is one",
                   inspect(kTied, with_vector("model.norm.bias", 0)),
                   inspect(kTied, with_vector("model.norm.bias")),
                   {0, "biases of zeros"},
                   {1, "would be left out"}});
}

void add_config_faults(FaultTable& table) {
  const auto add = [&](const char* fault, const std::string& key, const Json& value,
                       const char* words) {
    table.push_back({"inspect: config.json asks for nothing that is not done",
                     fault,
                     inspect(kTied),
                     inspect(kTied, with_config(key, value)),
                     kLoaded,
                     {1, words}});
  };
  add("a scaling by rope_scaling beside rope_parameters", "rope_scaling",
      {{"type", "yarn"}, {"factor", 4}}, "rope_scaling: expected a rope_theta in it");
  add("linear scaling", "rope_scaling", {{"type", "linear"}, {"factor", 4}, {"rope_theta", 1e6}},
      "expected type 'default' or 'yarn', got 'linear'");
  add("a factor without a type", "rope_scaling", {{"factor", 4}, {"rope_theta", 1e6}},
      "beside 'factor'");
  add("another activation", "hidden_act", "gelu", "hidden_act: expected 'silu'");
  add("a sliding window", "layer_types", {"sliding_attention", "full_attention"},
      "layer_types: expected only 'full_attention'");
  add("layer types of another depth", "layer_types", Json::array({"full_attention"}),
      "expected one for each of 2 layers");
  add("biases everywhere", "attention_bias", true, "attention_bias: true is not supported");
  add("experts", "num_experts", 8, "num_experts: expected 0");
  add("scaled logits", "logit_scale", 0.5, "logit_scale: expected 1");
  add("capped logits", "final_logit_softcapping", 30, "final_logit_softcapping: expected 0");
  add("attention to later tokens", "is_causal", false, "is_causal: expected true");
  add("another family", "model_type", "qwen3_moe", "model_type: expected 'qwen2'");
  add("layers with unlike heads", "num_key_value_heads", {4, 2}, "the same for all layers");
  add("an unknown quantiser", "quantization_config", {{"quant_method", "hqq"}}, "got 'hqq'");
  table.push_back(
      {"inspect: no key of config.json is left out",
       "one that nobody knows",
       says("not known and not read", "inspect -m {}", kTied),
       says("not known and not read", "inspect -m {}", kTied, with_config("use_qk_norm", false)),
       {0, "silent"},
       {0, "said"}});
  const std::string run = "run -m {} --tokens 1,2,3,4,5,6 -n 1 -t 1";
  table.push_back({"run: six tokens are within the model's positions",
                   "no YaRN stretches them",
                   says("beyond the", run, kTied, with_positions(2)),
                   says("beyond the", run, kTied, with_positions(1)),
                   {0, "silent"},
                   {0, "said"}});
}

void add_file_faults(FaultTable& table) {
  const auto add = [&](const char* fault, const std::function<void(const std::string&)>& edit,
                       const char* words) {
    table.push_back({"inspect: the files are whole and what their names say",
                     fault,
                     inspect(kTied),
                     inspect_files(edit),
                     kLoaded,
                     {1, words}});
  };
  const std::string w = "model.safetensors";
  add(
      "weights cut short", [=](const std::string& f) { fs::resize_file(f + w, 100000); },
      "the file is truncated; download it again");
  add(
      "a byte more", [=](const std::string& f) { std::ofstream(f + w, std::ios::app) << 'x'; },
      "has extra bytes");
  add(
      "a Git LFS pointer for weights",
      [=](const std::string& f) { write(f + w, "version https://git-lfs.github.com/spec/v1\n"); },
      "run `git lfs pull`");
  add(
      "a web page for weights", [=](const std::string& f) { write(f + w, "<!DOCTYPE html>\n"); },
      "a web page");
  add(
      "an error text for weights", [=](const std::string& f) { write(f + w, "Entry not found\n"); },
      "the text 'Entry not found'");
  add(
      "a Git LFS pointer for config.json",
      [=](const std::string& f) {
        write(f + "config.json", "version https://git-lfs.github.com/spec/v1\n");
      },
      "run `git lfs pull`");
  add(
      "a config.json of 17 MB",
      [](const std::string& f) { write(f + "config.json", std::string(17 << 20, ' ')); },
      "expected at most 16777216 bytes");
  add(
      "no weights", [=](const std::string& f) { fs::remove(f + w); }, "expected model.safetensors");
  add(
      "PyTorch weights", [=](const std::string& f) { fs::rename(f + w, f + "pytorch_model.bin"); },
      "PyTorch weights ('pytorch_model.bin')");
  add(
      "an adapter beside the weights",
      [](const std::string& f) { write(f + "adapter_config.json", "{}"); }, "expected no adapter");
  add(
      "a shard of several alone",
      [=](const std::string& f) { fs::rename(f + w, f + "model-00001-of-00002.safetensors"); },
      "'model-00002-of-00002.safetensors', which is missing");
  const auto indexed = [](const char* tensor, const char* file) {
    return inspect_files([=](const std::string& f) { write_index(f, tensor, file); });
  };
  table.push_back({"inspect: the index names nothing that is used and absent",
                   "config.json has a layer more, which it names",
                   indexed("mtp.fc.weight", "w.safetensors"),
                   inspect_files([=](const std::string& f) {
                     write_index(f, "model.layers.2.mlp.up_proj.weight", "w.safetensors");
                     Json config = parse_json_file(f + "config.json");
                     config["num_hidden_layers"] = 3;
                     write(f + "config.json", config.dump());
                   }),
                   kLoaded,
                   {1, "expected tensor 'model.layers.2.mlp.up_proj.weight'"}});
  table.push_back({"inspect: a missing shard holds nothing that is used",
                   "it holds the final norm",
                   indexed("mtp.fc.weight", "x.safetensors"),
                   indexed("model.norm.weight", "x.safetensors"),
                   kLoaded,
                   {1, "expected shard 'x.safetensors', which is missing"}});
}

void add_quantised_faults(FaultTable& table) {
  const auto add = [&](const std::string& folder, const char* fault, const Edit& edit,
                       const char* words) {
    table.push_back({"inspect: the quantiser's options are followed",
                     fault,
                     inspect(folder),
                     inspect(folder, edit),
                     kLoaded,
                     {1, words}});
  };
  add(kGptq, "GPTQ in 3 bits", with_option("bits", 3), "expected 4 or 8 for GPTQ, got 3");
  add(kGptq, "another group size than the tensors have", with_option("group_size", 64),
      "of the scheme, bits and group size");
  add(kGptq, "a pattern with a setting that is not followed",
      with_option("dynamic", {{"+:.*", {{"lora", 1}}}}), "lora: expected only bits");
  add(kAwq, "AWQ in another order", with_option("version", "gemv"), "version: expected gemm");
  add(kCt, "a format that is not read", with_option("format", "nvfp4-pack-quantized"),
      "got 'nvfp4-pack-quantized'");
  add(kCt, "a rotation of the weights", with_option("transform_config", {{"r1", 1}}),
      "transform_config");
  add(kFp8, "scales as exponents", with_option("scale_fmt", "ue8m0"), "scale_fmt: expected float");
  const auto zeros = [](char byte) {
    return says("gptq int4 g32 v2", "inspect -m {}", kGptq, with_zeros(byte));
  };
  table.push_back({"inspect: zero points are of v1",
                   "they are stored as v2 stores them",
                   zeros('\x77'),
                   zeros('\x88'),
                   {0, "silent"},
                   {0, "said"}});
  table.push_back(
      {"inspect: activations are not to be rounded",
       "they are, to 8 bits",
       says("are not rounded", "inspect -m {}", kCt),
       says("are not rounded", "inspect -m {}", kCt,
            [](EditedFolder& folder) {
              folder.options()["config_groups"]["group_0"]["input_activations"] = {{"num_bits", 8}};
            }),
       {0, "silent"},
       {0, "said"}});
  table.push_back({"inspect: weights are in 32 bits",
                   "the label says so, the tensors say bf16",
                   says("\"stored_dtype\": \"f32\"", "inspect --json -m {}", kUntied,
                        with_config("torch_dtype", "bfloat16")),
                   says("\"stored_dtype\": \"f32\"", "inspect --json -m {}", kTied,
                        with_config("dtype", "float32")),
                   {0, "said"},
                   {0, "silent"}});
}

void add_gguf_faults(FaultTable& table) {
  const auto add = [&](const char* fault, const std::function<void(GgufBytes&)>& edit,
                       const char* words) {
    table.push_back({"inspect: a GGUF file is followed in all it says",
                     fault,
                     inspect_gguf(),
                     inspect_gguf(edit),
                     kLoaded,
                     {1, words}});
  };
  add("a scaling factor without a type", with_key(kv_f32("qwen3.rope.scaling.factor", 4)),
      "beside no rope.scaling.type, got 4");
  add("scaled logits", with_key(kv_f32("qwen3.logit_scale", 2)), "not supported");
  add("M-RoPE", with_key(kv_i32s("qwen3.rope.dimension_sections", {4, 2, 2, 0})), "M-RoPE");
  add(
      "a tensor of a second layer",
      [](GgufBytes& f) {
        f.tensors.push_back(tensor("blk.1.attn_norm.weight", {32}, 0, f.data.size()));
        f.data.append(128, '\0');
      },
      "the configuration says 1 layers");
  add(
      "a layer more than is stored",
      [](GgufBytes& f) {
        for (std::string& value : f.values)
          if (value.find("block_count") != std::string::npos)
            value = kv_u32("qwen3.block_count", 2);
      },
      "model.layers.1.input_layernorm.weight: missing");
  add(
      "the file cut short", [](GgufBytes& f) { f.data.resize(f.data.size() - 64); }, "truncated");
  add("heads for two layers", with_heads({1, 1}), "expected one for each of 1 layers");
  table.push_back({"inspect: a list of one number for all layers is that number",
                   "it has no number for a layer",
                   inspect_gguf(with_heads({1})),
                   inspect_gguf(with_heads({})),
                   kLoaded,
                   {1, "got 0"}});
  const std::string unknown = "not known and not read: 'qwen3.new_key'";
  table.push_back({"inspect: no key of the architecture is left out",
                   "one that nobody knows",
                   if_said(unknown, inspect_gguf()),
                   if_said(unknown, inspect_gguf(with_key(kv_u32("qwen3.new_key", 1)))),
                   {0, "silent"},
                   {0, "said"}});
}

void add_name_faults(FaultTable& table) {
  table.push_back({"inspect: qwench-tiny is found by name",
                   "QWENCH_MODELS hides it",
                   [] { return by_name(QWENCH_SOURCE_DIR "/models"); },
                   [] { return by_name("/nowhere"); },
                   kLoaded,
                   {2, "got 'qwench-tiny'"}});
  table.push_back({"inspect: an id is in Hugging Face's cache",
                   "the cache does not have it",
                   [] { return by_id(true); },
                   [] { return by_id(false); },
                   kLoaded,
                   {2, "`hf download Qwen/Tiny"}});
  table.push_back({"inspect: a folder holds one GGUF file",
                   "it holds two",
                   [] {
                     const ScratchFolder folder;
                     folder.write("M.GGUF", "GGUF");
                     return program("inspect -m " + folder.path())();
                   },
                   [] {
                     const ScratchFolder folder;
                     folder.write("M.GGUF", "GGUF"), folder.write("n.gguf", "GGUF");
                     return program("inspect -m " + folder.path())();
                   },
                   {1, "version at byte 4"},
                   {1, "got 2 GGUF files"}});
  const std::string random = "its weights are random";
  table.push_back({"inspect: the weights are a model's",
                   "they are random, of a shape card",
                   if_said(random, program("inspect -m models/qwench-tiny")),
                   if_said(random, program("inspect -m qwen3-0.6b")),
                   {0, "silent"},
                   {0, "said"}});
}

}  // namespace

FaultTable files_faults() {
  FaultTable table;
  add_tensor_faults(table);
  add_config_faults(table);
  add_file_faults(table);
  add_quantised_faults(table);
  add_gguf_faults(table);
  add_name_faults(table);
  return table;
}

}  // namespace qwench::test
