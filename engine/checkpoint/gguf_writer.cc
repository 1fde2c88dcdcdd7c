// The order of the parts and what pads them: see gguf.h. Keys as llama.cpp's converter writes them.
#include "engine/checkpoint/gguf_writer.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/base/check.h"
#include "engine/base/checked.h"
#include "engine/base/json.h"
#include "engine/checkpoint/gguf_names.h"
#include "engine/config/family.h"

namespace qwench {
namespace {

/// general.file_type: what most of the file is, for people and programs that list files.
uint32_t file_type(DType dtype) {
  switch (dtype) {
    case DType::kF16: return 1;
    case DType::kQ4_0: return 2;
    case DType::kQ8_0: return 7;
    case DType::kBF16: return 32;
    default: return 0;  // all f32
  }
}

const GgufType* type_of(DType dtype) {
  for (const char* name : {"F32", "F16", "BF16", "Q8_0", "Q4_0"}) {
    const GgufType* type = find_gguf_type(std::string(name));
    if (type && type->dtype == dtype) return type;
  }
  return nullptr;
}

void add_yarn(const ModelConfig& c, const std::string& prefix, GgufKeys& keys) {
  if (!c.rope.truncate)
    fail("rope: YaRN with truncate false has no key in GGUF; write a folder instead");
  keys.add_string(prefix + "rope.scaling.type", "yarn");
  keys.add_f32(prefix + "rope.scaling.factor", float(c.rope.factor));
  keys.add_u32(prefix + "rope.scaling.original_context_length",
               uint32_t(c.rope.original_positions));
  const double usual = 0.1 * std::log(c.rope.factor) + 1;
  if (std::fabs(c.rope.attention_factor / usual - 1) > 1e-12)
    keys.add_f32(prefix + "rope.scaling.yarn_attn_factor", float(c.rope.attention_factor / usual));
  if (c.rope.beta_fast != 32)
    keys.add_f32(prefix + "rope.scaling.yarn_beta_fast", float(c.rope.beta_fast));
  if (c.rope.beta_slow != 1)
    keys.add_f32(prefix + "rope.scaling.yarn_beta_slow", float(c.rope.beta_slow));
}

}  // namespace

GgufKeys gguf_config_keys(const ModelConfig& c) {
  GgufKeys keys;
  const std::string prefix = c.model_type + ".";
  keys.add_string("general.architecture", c.model_type);
  keys.add_string("general.type", "model");
  keys.add_u32(prefix + "block_count", uint32_t(c.n_layers));
  keys.add_u32(prefix + "context_length", uint32_t(c.max_positions));
  keys.add_u32(prefix + "embedding_length", uint32_t(c.dim));
  keys.add_u32(prefix + "feed_forward_length", uint32_t(c.ffn_dim));
  keys.add_u32(prefix + "attention.head_count", uint32_t(c.n_heads));
  keys.add_u32(prefix + "attention.head_count_kv", uint32_t(c.n_kv_heads));
  keys.add_f32(prefix + "attention.layer_norm_rms_epsilon", float(c.norm_eps));
  keys.add_f32(prefix + "rope.freq_base", float(c.rope.theta));
  const Family* family = find_family(c.model_type);
  QWENCH_CHECK(family);
  if (family->default_head_dim || c.head_dim * c.n_heads != c.dim) {
    keys.add_u32(prefix + "attention.key_length", uint32_t(c.head_dim));
    keys.add_u32(prefix + "attention.value_length", uint32_t(c.head_dim));
  }
  if (c.rope.type == RopeType::kYarn) add_yarn(c, prefix, keys);
  return keys;
}

GgufWriter::GgufWriter(const std::string& path, const ModelConfig& config, const GgufKeys& text)
    : path_(path), file_(path), keys_(gguf_config_keys(config)) {
  keys_.append(text);
}

void GgufWriter::add(const TensorInfo& tensor) {
  QWENCH_CHECK(!started_);
  Entry entry;
  entry.name = tensor.name;
  entry.gguf_name = name_to_gguf(tensor.name);
  if (entry.gguf_name.empty())
    fail("{}: tensor {}: expected one of a Qwen2 or Qwen3 text model; GGUF has no name for it",
         path_, in_quotes(tensor.name));
  for (const Entry& other : entries_) QWENCH_CHECK(other.name != entry.name);
  const GgufType* type = type_of(tensor.dtype);
  if (!type)
    fail("{}: tensor {}: GGUF has no type for {}; write f32, f16, bf16, q8_0 or q4_0, or a folder",
         path_, in_quotes(tensor.name), name_of(tensor.dtype));
  QWENCH_CHECK(tensor.shape.rank == 2 || (tensor.shape.rank == 1 && tensor.dtype == DType::kF32));
  entry.type = type->id;
  entry.shape = tensor.shape;
  entry.dtype = tensor.dtype;
  entry.bytes = tensor.bytes();
  QWENCH_CHECK(entry.bytes > 0);
  entries_.push_back(std::move(entry));
}

void GgufWriter::write_header() {
  started_ = true;
  std::map<DType, int64_t> matrices;
  for (const Entry& e : entries_)
    if (e.shape.rank == 2) matrices[e.dtype] += e.shape.count();
  const auto most =
      std::max_element(matrices.begin(), matrices.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  const DType dtype = most == matrices.end() ? DType::kF32 : most->first;
  keys_.add_u32("general.file_type", file_type(dtype));
  if (is_quantized(dtype)) keys_.add_u32("general.quantization_version", 2);
  std::string out = "GGUF";
  append_number(out, uint32_t(3));
  append_number(out, uint64_t(entries_.size()));
  append_number(out, uint64_t(keys_.count()));
  out += keys_.bytes();
  int64_t offset = 0;
  for (const Entry& e : entries_) {
    append_gguf_string(out, e.gguf_name);
    append_number(out, uint32_t(e.shape.rank));
    for (int i = e.shape.rank; i-- > 0;) append_number(out, uint64_t(e.shape[i]));
    append_number(out, e.type);
    append_number(out, uint64_t(offset));
    offset = round_up(checked_add(offset, e.bytes, path_), kGgufAlignment);
  }
  out.resize(size_t(round_up(int64_t(out.size()), kGgufAlignment)), '\0');
  file_.write(out.data(), int64_t(out.size()));
}

void GgufWriter::finish_tensor() {
  const std::string padding(size_t(round_up(written_, kGgufAlignment) - written_), '\0');
  file_.write(padding.data(), int64_t(padding.size()));
  ++current_;
  written_ = 0;
}

void GgufWriter::write(std::string_view name, const void* data, int64_t bytes) {
  if (!started_) write_header();
  QWENCH_CHECK(current_ < entries_.size() && entries_[current_].name == name);
  const Entry& entry = entries_[current_];
  QWENCH_CHECK(bytes >= 0 && bytes <= entry.bytes - written_);
  file_.write(data, bytes);
  written_ += bytes;
  if (written_ == entry.bytes) finish_tensor();
}

void GgufWriter::close() {
  if (!started_) write_header();
  QWENCH_CHECK(current_ == entries_.size() && written_ == 0);
  file_.close();
}

}  // namespace qwench
