// libFuzzer target: a folder of quantised weights of any scheme, with some things in it changed. Only
// Error may come out of opening it; every tensor that is listed must be readable row by row, and rows
// must be what a read of all of them gives. The input: how many changes, kEditBytes for each of them,
// then the choices of which the folder is made; bytes that are not there are zeros.
#include <algorithm>
#include <cstdint>
#include <fstream>

#include "engine/base/check.h"
#include "engine/checkpoint/folder.h"
#include "tests/fuzz/quantized_module.h"
#include "tests/support/scratch.h"

using namespace qwench;
using fuzz::Choices;
using fuzz::Tensor;

namespace {

struct Folder {
  Json config = {
      {"model_type", "qwen3"},    {"hidden_size", 64},        {"num_hidden_layers", 1},
      {"num_attention_heads", 2}, {"num_key_value_heads", 1}, {"head_dim", 32},
      {"intermediate_size", 96},  {"vocab_size", 64},         {"max_position_embeddings", 64},
      {"rms_norm_eps", 1e-6},     {"rope_theta", 1e6},        {"tie_word_embeddings", true}};
  Json options;  // of the quantisation
  std::string key = "quantization_config";
  fuzz::Tensors tensors;
  Json index;  // of shards; null: one file
};

/// Every other tensor in another file.
Json index_of(const fuzz::Tensors& tensors) {
  Json map = Json::object();
  int64_t total = 0;
  for (const auto& [name, t] : tensors) {
    map[name] = map.size() % 2 ? "b.safetensors" : "a.safetensors";
    total += int64_t(t.data.size());
  }
  return {{"metadata", {{"total_size", total}}}, {"weight_map", map}};
}

void add_biases(Choices& c, const fuzz::Modules& modules, fuzz::Tensors* to) {
  for (const fuzz::Module& m : modules) {
    Tensor bias = fuzz::numbers(c, fuzz::float_type(c), {m.out});
    if (c.byte() % 2) bias.data.assign(bias.data.size(), '\0');
    (*to)[m.name + ".bias"] = bias;
  }
}

Folder sound_folder(Choices& c) {
  using Scheme = Json (*)(Choices&, const fuzz::Modules&, fuzz::Tensors&);
  const auto scheme =
      c.one_of<Scheme>({fuzz::gptq, fuzz::awq, fuzz::bitsandbytes_4bit, fuzz::bitsandbytes_8bit,
                        fuzz::mlx, fuzz::compressed_tensors, fuzz::fp8_block, fuzz::own});
  Folder folder;
  fuzz::Modules modules = {{c.one_of({"model.layers.0.mlp.down_proj", "lm_head"}), 0, 0}};
  if (c.byte() % 2) modules.push_back({"layers.0.self_attn.q_proj", 0, 0});
  for (fuzz::Module& m : modules) {
    m.out = c.one_of({8, 8, 8, 1, 3}) * (1 + int64_t(c.below(6)));
    m.in = c.one_of({64, 128, 32, 64, 8, 1}) * (1 + int64_t(c.below(3)));
  }
  folder.options = scheme(c, modules, folder.tensors);
  if (scheme == fuzz::mlx) folder.key = "quantization";
  if (scheme == fuzz::gptq && c.rarely()) {
    folder.key = "quantize_config.json";
    folder.options["model_file_base_name"] = "old";
  }
  if (c.rarely()) folder.config["model_type"] = "qwen2";
  if (c.rarely()) add_biases(c, modules, &folder.tensors);
  folder.tensors["model.norm.weight"] = fuzz::numbers(c, "BF16", {64});
  if (c.rarely()) folder.index = index_of(folder.tensors);
  return folder;
}

/// A value that some option, somewhere, may not have or may have in another scheme only.
Json odd_value(Choices& c) {
  static const Json values = Json::parse(
      R"([null, true, false, -1, 0, 1, 2, 3, 4, 8, 16, 32, 64, 2147483647, 2147483648,
          9223372036854775807, -2147483648, 0.5, 1e300, "", "gptq", "gptq_v2", "awq", "gemm",
          "bitsandbytes", "nf4", "fp4", "compressed-tensors", "pack-quantized", "int-quantized",
          "float-quantized", "naive-quantized", "tensor", "channel", "group", "block", "int",
          "float", "fp8", "e4m3", "affine", "mxfp4", "qwench", "q8_0", "q4_0", "q4g", "f16", "f32",
          "model", "../model", [], {}, [1, 1], [0, 128], [2147483647, 2147483647], [3],
          {"group_0": {}}, {"weights": {"num_bits": 4}}, {"bits": 8, "group_size": 64},
          {"+:.*": {"bits": 8, "group_size": -1}, "-:.*": {}}, {"x": {"group_size": 24}}])");
  return values.at(c.below(values.size()));
}

constexpr const char* kOptions[] = {"quant_method",
                                    "bits",
                                    "w_bit",
                                    "group_size",
                                    "q_group_size",
                                    "checkpoint_format",
                                    "format",
                                    "pack_dtype",
                                    "dynamic",
                                    "backend",
                                    "sym",
                                    "version",
                                    "zero_point",
                                    "mode",
                                    "fmt",
                                    "scale_fmt",
                                    "weight_block_size",
                                    "load_in_4bit",
                                    "load_in_8bit",
                                    "bnb_4bit_quant_type",
                                    "config_groups",
                                    "type",
                                    "matrices",
                                    "model.norm",
                                    "quantization",
                                    "text_config",
                                    "sparsity_config",
                                    "transform_config",
                                    "model_file_base_name",
                                    "quantization_status"};

void edit_options(Choices& c, Json* options) {
  if (c.byte() % 2 && options->is_object()) {
    (*options)[kOptions[c.below(std::size(kOptions))]] = odd_value(c);
    return;
  }
  if (!options->is_structured()) return;
  std::vector<std::string> leaves;
  const Json flat = options->flatten();
  for (const auto& leaf : flat.items()) leaves.push_back(leaf.key());
  if (leaves.empty()) return;
  // a leaf, or something above it
  Json::json_pointer pointer(leaves[c.below(leaves.size())]);
  for (size_t up = c.below(4); up > 2 && !pointer.empty(); --up) pointer.pop_back();
  (*options)[pointer] = odd_value(c);
}

/// Names that mean something to some scheme, of modules that may be there.
std::string other_name(Choices& c) {
  constexpr const char* kModules[] = {"model.layers.0.mlp.down_proj.", "lm_head.",
                                      "layers.0.self_attn.q_proj.",    "model.norm.",
                                      "model.layers.0.mlp.up_proj.",   ""};
  constexpr const char* kParts[] = {"weight",        "bias",
                                    "qweight",       "qzeros",
                                    "scales",        "biases",
                                    "g_idx",         "SCB",
                                    "weight_format", "weight_scale",
                                    "weight_packed", "weight_zero_point",
                                    "weight_shape",  "weight_g_idx",
                                    "input_scale",   "weight_scale_inv",
                                    "weight.absmax", "weight.quant_state.bitsandbytes__fp4"};
  const std::string module = kModules[c.below(std::size(kModules))];
  return module + kParts[c.below(std::size(kParts))];
}

/// The data follows type and shape where that is possible, so that the file itself stays sound.
void fit_data(Tensor* t) {
  const int64_t bytes = fuzz::bytes_within(t->dtype, t->shape, 1 << 14);
  if (bytes >= 0) t->data.resize(size_t(bytes), '\x3c');
}

/// Any bytes, or one small number, somewhere in the data.
void edit_data(Choices& c, Tensor* t) {
  std::string bytes = {char(c.byte()), char(c.byte()), char(c.byte()), char(c.byte())};
  size_t at = size_t(c.byte()) << 8 | c.byte();
  if (c.byte() % 2) at -= at % 4, bytes = {char(uint8_t(bytes[0]) % 16), 0, 0, 0};
  if (t->data.empty()) return;
  at %= t->data.size();
  t->data.replace(at, bytes.size(), bytes, 0, std::min(bytes.size(), t->data.size() - at));
}

void edit_tensor(Choices& c, Tensor* t) {
  switch (c.below(6)) {
    case 0: return edit_data(c, t);
    case 1: std::fill(t->data.begin(), t->data.end(), char(c.byte())); return;
    case 2:
      t->dtype = c.one_of({"F32", "F16", "BF16", "I32", "U32", "U8", "I8", "F8_E4M3", "I64", "I16",
                           "BOOL", "F64", "F4", "X"});
      break;
    case 3:
      if (t->shape.empty()) return;
      t->shape[c.below(t->shape.size())] =
          c.one_of<int64_t>({0, 1, 2, 3, 4, 7, 8, 9, 16, 31, 32, 33, 64, 128, 255, 1 << 16,
                             int64_t(1) << 31, int64_t(1) << 40, INT64_MAX});
      break;
    case 4: t->shape.push_back(c.one_of({1, 2, 0})); break;
    case 5: t->shape.resize(c.below(t->shape.size() + 1)); break;
  }
  fit_data(t);
}

void edit(Choices& c, Folder* folder) {
  const size_t kind = c.below(8);
  if (kind == 0) return edit_options(c, &folder->options);
  if (kind == 1) {
    const bool index = !folder->index.is_null() && c.byte() % 2;
    return edit_options(c, index ? &folder->index : &folder->config);
  }
  if (folder->tensors.empty()) return;
  const auto place = std::next(folder->tensors.begin(), long(c.below(folder->tensors.size())));
  if (kind == 2) {
    folder->tensors.erase(place);
  } else if (kind == 3) {
    const Tensor copy = place->second;
    folder->tensors[other_name(c)] = copy;
  } else {
    edit_tensor(c, &place->second);
  }
}

void write_tensors(const test::ScratchFolder& to, const char* file, const fuzz::Tensors& tensors) {
  OrderedJson header = OrderedJson::object();
  std::string data;
  for (const auto& [name, t] : tensors) {
    header[name] = {{"dtype", t.dtype},
                    {"shape", t.shape},
                    {"data_offsets", {data.size(), data.size() + t.data.size()}}};
    data += t.data;
  }
  to.write(file, test::safetensors_bytes(header.dump(), 0) + data);
}

void write_shards(const test::ScratchFolder& to, const Folder& folder) {
  fuzz::Tensors shards[2];
  size_t i = 0;
  for (const auto& [name, t] : folder.tensors) shards[i++ % 2].emplace(name, t);
  write_tensors(to, "a.safetensors", shards[0]);
  write_tensors(to, "b.safetensors", shards[1]);
  to.write("model.safetensors.index.json", folder.index.dump());
}

/// Files go first: some file systems flush one that is written over to the disk.
void write(const test::ScratchFolder& to, const Folder& folder) {
  std::error_code ignored;
  for (const auto& old : std::filesystem::directory_iterator(to.path()))
    std::filesystem::remove(old.path(), ignored);
  Json config = folder.config;
  const bool old_key = folder.key == "quantize_config.json";
  if (old_key)
    to.write(folder.key, folder.options.dump());
  else if (config.is_object())
    config[folder.key] = folder.options;
  to.write("config.json", config.dump());
  if (!folder.index.is_null())
    write_shards(to, folder);
  else
    write_tensors(to, old_key ? "old.safetensors" : "model.safetensors", folder.tensors);
}

/// Whether the elements could be read.
bool read(const Checkpoint& checkpoint, const TensorInfo& t, int64_t first, int64_t count,
          std::vector<char>* to) {
  try {
    checkpoint.read(t, first, count, to->data());
    return true;
  } catch (const Error&) {
    return false;
  }
}

void check_rows(const Checkpoint& checkpoint, const TensorInfo& t) {
  const int64_t rows = t.rows(), cols = t.cols(), bytes = row_bytes(t.dtype, cols);
  std::vector<char> all(size_t(t.bytes())), row(static_cast<size_t>(bytes));
  const bool all_read = read(checkpoint, t, 0, t.shape.count(), &all);
  // only decoding meets values that cannot be meant, such as a scale that is not finite
  QWENCH_CHECK(all_read || (!t.stored.empty() && t.dtype == DType::kF32));
  bool rows_read = true;
  for (int64_t r = 0; r < rows; ++r) {
    const bool good = read(checkpoint, t, r * cols, cols, &row);
    rows_read = rows_read && good;
    QWENCH_CHECK(!all_read || std::equal(row.begin(), row.end(), all.begin() + r * bytes));
  }
  QWENCH_CHECK(rows_read == all_read);
  if (is_quantized(t.dtype) || cols < 3 || rows < 1) return;
  std::vector<char> part(size_t(bytes / cols * (cols - 2)));  // within a row
  if (read(checkpoint, t, 1, cols - 2, &part))
    QWENCH_CHECK(!all_read || std::equal(part.begin(), part.end(), all.begin() + bytes / cols));
}

/// A tensor that is not decoded is the bytes that were written, all of them.
void check_bytes(const Checkpoint& checkpoint, const TensorInfo& t, const fuzz::Tensors& written) {
  if (!t.stored.empty()) return;
  auto from = written.find(t.name);
  if (from == written.end()) from = written.find(t.name.substr(std::strlen("model.")));
  QWENCH_CHECK(from != written.end());
  std::vector<char> all(size_t(t.bytes()));
  QWENCH_CHECK(all.size() == from->second.data.size());
  checkpoint.read(t, 0, t.shape.count(), all.data());
  QWENCH_CHECK(std::equal(all.begin(), all.end(), from->second.data.begin()));
}

void use(const std::string& path, const OpenOptions& options, const Folder& folder) {
  const FolderCheckpoint checkpoint(path, options);
  for (const TensorInfo& t : checkpoint.tensors()) {
    QWENCH_CHECK(checkpoint.find(t.name) == &t);
    check_rows(checkpoint, t);
    check_bytes(checkpoint, t, folder.tensors);
  }
}

constexpr size_t kMaxEdits = 4, kEditBytes = 12;

}  // namespace

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

/// Now and then the input becomes another one, so that every scheme and change is met soon.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int random) {
  if (random % 8 == 0) {
    size = std::min<size_t>(max_size, 1 + kMaxEdits * kEditBytes + 64);
    for (size_t i = 0; i < size; ++i)
      data[i] = uint8_t((random = random * 1664525u + 1013904223u) >> 24);
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const test::ScratchFolder scratch;
  const size_t edits = size ? data[0] % (kMaxEdits + 1) : 0;
  const size_t rest = std::min(size, 1 + edits * kEditBytes);
  Choices choices(data + rest, size - rest);
  Folder folder = sound_folder(choices);
  OpenOptions options;
  options.mmap = choices.rarely();
  for (size_t at = 1; at < rest; at += kEditBytes) {
    Choices of_edit(data + at, std::min(kEditBytes, rest - at));
    edit(of_edit, &folder);
  }
  write(scratch, folder);
  try {
    use(scratch.path(), options, folder);
  } catch (const Error&) {
  }
  return 0;
}
