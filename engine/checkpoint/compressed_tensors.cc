// compressed-tensors (llm-compressor), the formats whose weights are one integer or float8 each:
//   pack-quantized   weight_packed I32 [out, in * bits / 32], low bits first, holds q + 2^(bits - 1);
//                    weight_zero_point I32 [out * bits / 32, groups], packed along the outputs and
//                    offset alike; weight_shape I64 [2]; weight_g_idx I32 [in] where actorder is
//                    "group"
//   int-quantized    weight I8 [out, in], weight_zero_point I8 [out, groups]
//   float-quantized  weight F8_E4M3 [out, in]
// with weight_scale: one (tensor), [out, 1] (channel), [out, groups] (group) or one for each block.
//   value = (q - zero_point) * weight_scale
// How activations are to be rounded at run time is not a property of the weights and is not followed.
// Source: compressed-tensors (compressors/, quantization/lifecycle/forward.py).
#include <cstring>
#include <optional>

#include "engine/base/checked.h"
#include "engine/checkpoint/byte_weight.h"
#include "engine/checkpoint/exact_q4_0.h"

namespace qwench {
namespace {

struct CtOptions {
  std::string format;
  int bits = 8;
  std::string strategy;
  int64_t group_size = -1;     // of "group"
  BlockShape block{128, 128};  // of "block"
  bool symmetric = true;

  BlockShape block_for(int64_t rows, int64_t cols) const {
    if (strategy == "tensor") return {rows, cols};
    if (strategy == "block") return block;
    return {1, strategy == "group" ? group_columns(group_size, cols) : cols};
  }
  std::string stored() const {
    const std::string size = strategy == "group" ? group_text(group_size) : strategy;
    const char* const kind = format == "float-quantized" ? "fp" : "int";
    return fmt::format("compressed-tensors {}{} {}{}", kind, bits, size,
                       symmetric ? "" : " asymmetric");
  }
};

/// Sizes of a matrix as a tensor of two I64 says.
std::vector<int64_t> read_shape(const Part& part) {
  part.expect_dtype({"I64"});
  part.expect_shape({2});
  const std::vector<uint8_t> bytes = part.read_bytes(0, 16);
  std::vector<int64_t> shape(2);
  std::memcpy(shape.data(), bytes.data(), 16);
  return shape;
}

class CtPackedWeight : public PackedWeight {
 public:
  CtPackedWeight(const CtOptions& o, const PackedModule& module, int64_t out, int64_t in)
      : PackedWeight(out, in, o.stored()),
        bits_(o.bits),
        row_words_(ceil_div(in, 32 / o.bits)),
        packed_(module.required("weight_packed")),
        scales_(module.required("weight_scale"), out, in, o.block_for(out, in)) {
    const int64_t groups = scales_.grid_cols();
    if (const Part* zero = module.optional("weight_zero_point")) {
      zero->expect_dtype({"I32"});
      zero->expect_shape({ceil_div(scales_.grid_rows(), 32 / bits_), groups});
      zero_ = *zero;
    } else if (!o.symmetric) {
      (void)module.required("weight_zero_point");
    }
    if (const Part* g_idx = module.optional("weight_g_idx")) {
      group_of_ = read_group_index(*g_idx, in, groups);
      return;
    }
    if (is_q4_0()) hold_as_q4_0();
    for (int64_t i = 0; i < in; ++i) group_of_.push_back(int32_t(i / scales_.block().cols));
  }

  void decode(int64_t first, int64_t n, float* to) const override {
    const int64_t step = rows_at_once(row_words_ * 4);
    std::vector<uint8_t> q(static_cast<size_t>(cols()));
    for (int64_t r0 = first; r0 < first + n; r0 += step) {
      const int64_t n_rows = std::min(step, first + n - r0);
      const std::vector<uint32_t> words = packed_.read_words(r0 * row_words_, n_rows * row_words_);
      const GridRows scales = scales_.read(r0, n_rows), zeros = read_zeros(scales);
      for (int64_t r = r0; r < r0 + n_rows; ++r, to += cols()) {
        unpack_bits(&words[size_t((r - r0) * row_words_)], bits_, cols(), q.data());
        const float *scale = scales.row(r), *zero = zeros.row(r);
        for (size_t i = 0; i < q.size(); ++i)
          to[i] = (float(q[i]) - zero[group_of_[i]]) * scale[group_of_[i]];
      }
    }
  }

 protected:
  std::vector<float> block_scales(int64_t first, int64_t n) const override {
    const GridRows scales = scales_.read(first, n);
    std::vector<float> blocks;
    for (int64_t r = first; r < first + n; ++r)
      for (int64_t i = 0; i < cols(); i += kQuantBlock)
        blocks.push_back(scales.row(r)[i / scales_.block().cols]);
    return blocks;
  }

 private:
  /// Symmetric, in whole blocks, with scales that are f16 too (the library writes them in bf16).
  bool is_q4_0() const {
    return bits_ == 4 && !zero_ && scales_.block().cols % kQuantBlock == 0 &&
           cols() % kQuantBlock == 0 && all_in_f16(scales_.read(0, rows()).values);
  }

  /// In the shape of `scales`, with the offset of the stored integers: the middle without a tensor.
  GridRows read_zeros(const GridRows& scales) const {
    GridRows out = scales;
    std::fill(out.values.begin(), out.values.end(), float(1 << (bits_ - 1)));
    if (!zero_ || scales.values.empty()) return out;
    const int64_t groups = scales.grid_cols, per_word = 32 / bits_;
    const int64_t first = scales.first_grid_row, n = int64_t(scales.values.size()) / groups;
    const int64_t w0 = first / per_word, n_words = ceil_div(first + n, per_word) - w0;
    const std::vector<uint32_t> words = zero_->read_words(w0 * groups, n_words * groups);
    for (int64_t r = 0; r < n; ++r)
      for (int64_t g = 0; g < groups; ++g) {
        const uint32_t word = words[size_t(((first + r) / per_word - w0) * groups + g)];
        const uint32_t zero = word >> (bits_ * ((first + r) % per_word)) & ((1u << bits_) - 1);
        out.values[size_t(r * groups + g)] = float(zero);
      }
    return out;
  }

  int bits_;
  int64_t row_words_;
  Part packed_;
  ScaleGrid scales_;
  std::optional<Part> zero_;
  std::vector<int32_t> group_of_;  // of each input
};

std::unique_ptr<PackedWeight> assemble_packed(const CtOptions& o, const PackedModule& module) {
  const Part& packed = module.required("weight_packed");
  packed.expect_dtype({"I32"});
  packed.expect_matrix();
  const Part& shape_part = module.required("weight_shape");
  const std::vector<int64_t> shape = read_shape(shape_part);
  const int64_t most = checked_mul(packed.shape()[1], 32 / o.bits, packed.name);
  if (shape[0] < 1 || shape[1] < 1 || shape[1] > most)
    shape_part.refuse("expected at most [{}, {}], as weight_packed has room for, got [{}, {}]",
                      packed.shape()[0], most, shape[0], shape[1]);
  packed.expect_shape({shape[0], ceil_div(shape[1], 32 / o.bits)});
  return std::make_unique<CtPackedWeight>(o, module, shape[0], shape[1]);
}

std::unique_ptr<PackedWeight> assemble_bytes(const CtOptions& o, const PackedModule& module) {
  ByteWeightParts parts;
  parts.weight = module.required("weight");
  parts.weight.expect_dtype({o.format == "float-quantized" ? "F8_E4M3" : "I8"});
  parts.weight.expect_matrix();
  parts.scale = module.required("weight_scale");
  parts.block = o.block_for(parts.weight.shape()[0], parts.weight.shape()[1]);
  if (const Part* g_idx = module.optional("weight_g_idx"))
    g_idx->refuse("expected no group index for {}; this order of groups is not supported",
                  o.format);
  if (const Part* zero = module.optional("weight_zero_point"))
    parts.zero = *zero;
  else if (!o.symmetric)
    (void)module.required("weight_zero_point");
  return make_byte_weight(parts, o.stored());
}

class CompressedTensors : public WeightScheme {
 public:
  CompressedTensors(CtOptions options, bool rounds_activations)
      : options_(std::move(options)), rounds_activations_(rounds_activations) {}
  std::string_view name() const override { return "compressed-tensors"; }
  const std::vector<std::string_view>& part_names() const override {
    static const std::vector<std::string_view> names = {
        "weight",       "weight_packed", "weight_scale", "weight_zero_point",
        "weight_shape", "weight_g_idx",  "input_scale",  "input_zero_point"};
    return names;
  }
  std::vector<std::string> notes() const override {
    if (!rounds_activations_) return {};
    return {std::string(kActivationsNote)};
  }
  std::unique_ptr<PackedWeight> assemble(const PackedModule& module) const override {
    const bool packed = options_.format == "pack-quantized" || module.optional("weight_packed");
    return packed ? assemble_packed(options_, module) : assemble_bytes(options_, module);
  }

 private:
  CtOptions options_;
  bool rounds_activations_;
};

/// The one description of weights; Error where groups of modules differ.
const Json& single_group(const Json& options, const std::string& where) {
  if (!has(options, "config_groups") || !options.at("config_groups").is_object() ||
      options.at("config_groups").empty())
    refuse_option(where, "config_groups", option_text(options, "config_groups"),
                  "one group of modules");
  const Json& groups = options.at("config_groups");
  const Json& first = groups.front();
  for (const Json& group : groups)
    if (!has(group, "weights") || group.at("weights") != first.at("weights"))
      refuse_option(where, "config_groups", "several", "the same 'weights' for all modules");
  return first;
}

void read_strategy(const Json& weights, const std::string& where, CtOptions* o) {
  o->strategy = option_word(weights, "strategy", where);
  const bool known = o->strategy == "tensor" || o->strategy == "channel" ||
                     o->strategy == "group" ||
                     (o->strategy == "block" && o->format != "pack-quantized");
  if (!known)
    refuse_option(where, "strategy", option_text(weights, "strategy"),
                  "tensor, channel or group (or block, where weights are bytes)");
  if (o->strategy == "group") o->group_size = read_group_size(weights, "group_size", where);
  if (o->strategy != "block" || !has(weights, "block_structure")) return;
  const Json& sizes = weights.at("block_structure");
  if (!sizes.is_array() || sizes.size() != 2)
    refuse_option(where, "block_structure", describe(sizes), "two sizes, such as [128, 128]");
  o->block = {as_int(sizes[0], "block_structure", 1, INT32_MAX, where),
              as_int(sizes[1], "block_structure", 1, INT32_MAX, where)};
}

CtOptions read_weights(const Json& weights, const std::string& where, std::string format) {
  CtOptions o;
  const bool is_float = option_word(weights, "type", where) == "float";
  // "naive" is what the library calls bytes that it did not lay out for a kernel
  if (format == "naive-quantized") format = is_float ? "float-quantized" : "int-quantized";
  o.bits = int(read_int(weights, "num_bits", 1, 32, where));
  if (format.empty())
    format = is_float ? "float-quantized" : o.bits == 8 ? "int-quantized" : "pack-quantized";
  o.format = format;
  const bool is_packed = format == "pack-quantized";
  if (o.bits != 8 && !(is_packed && o.bits == 4))
    refuse_option(where, "num_bits", std::to_string(o.bits),
                  is_packed ? "4 or 8" : "8 for " + format);
  if (is_float != (format == "float-quantized"))
    refuse_option(where, "type", option_text(weights, "type"),
                  is_float ? "int for " + format : "float for " + format);
  o.symmetric = read_bool(weights, "symmetric", true, where);
  if (is_float && !o.symmetric) refuse_option(where, "symmetric", "false", "true for float");
  read_strategy(weights, where, &o);
  return o;
}

/// What would change the meaning of weights beyond their scales.
void refuse_transforms(const Json& options, const std::string& where) {
  for (const char* key : {"sparsity_config", "transform_config"}) {
    if (!has(options, key)) continue;
    const Json& value = options.at(key);
    const bool dense = value.is_object() && option_word(value, "format", where) == "dense";
    if (!value.empty() && !dense) refuse_option(where, key, describe(value), "none");
  }
}

/// The format's name, which later versions write into the group; "" where neither says it: then types
/// and tensors do. (quantization_status keeps the quantiser's books: weights that it left unpacked are
/// floats, as their tensors show.)
std::string read_format(const Json& options, const Json& group, const std::string& where) {
  for (const Json* place : {&options, &group}) {
    const std::string format = option_word(*place, "format", where);
    if (format.empty() || format == "mixed-precision" || format == "dense") continue;
    if (format != "pack-quantized" && format != "int-quantized" && format != "float-quantized" &&
        format != "naive-quantized")
      refuse_option(where, "format", in_quotes(format),
                    "pack-quantized, int-quantized, float-quantized or naive-quantized");
    return format;
  }
  return "";
}

}  // namespace

std::unique_ptr<WeightScheme> make_compressed_tensors(const Json& options,
                                                      const std::string& where) {
  refuse_transforms(options, where);
  const Json& group = single_group(options, where);
  bool rounds = has(options, "kv_cache_scheme");
  for (const Json& one : options.at("config_groups"))
    rounds |= has(one, "input_activations") || has(one, "output_activations");
  return std::make_unique<CompressedTensors>(
      read_weights(group.at("weights"), where + ": weights", read_format(options, group, where)),
      rounds);
}

}  // namespace qwench
