// Modules of quantised weights as each quantiser's files hold them, in sizes and options that a fuzzer
// chooses. Without edits they are sound, but for sizes that do not divide. Layouts: the files of
// engine/checkpoint that read them.
#pragma once
#include <array>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "engine/base/checked.h"
#include "engine/base/dtype.h"
#include "engine/base/json.h"

namespace qwench::fuzz {

/// The fuzzer's bytes as choices; zeros after their end, so that the first of every list is usual.
class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint8_t byte() { return at_ < size_ ? data_[at_++] : uint8_t(0); }
  size_t below(size_t n) { return byte() % n; }
  bool rarely() { return byte() > 200; }
  template <class T>
  T one_of(std::initializer_list<T> list) {
    return list.begin()[below(list.size())];
  }

 private:
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

struct Tensor {
  std::string dtype;
  std::vector<int64_t> shape;
  std::string data;
};
using Tensors = std::map<std::string, Tensor>;

/// Bytes of an element; 1 for types that are not in the list.
inline int64_t element_bytes(const std::string& dtype) {
  static const std::map<std::string, int64_t> sizes = {{"F32", 4}, {"I32", 4},  {"U32", 4},
                                                       {"F16", 2}, {"BF16", 2}, {"I16", 2},
                                                       {"I64", 8}, {"F64", 8}};
  const auto found = sizes.find(dtype);
  return found == sizes.end() ? 1 : found->second;
}

/// Bytes of such a tensor; -1 when they are more than `most`.
inline int64_t bytes_within(const std::string& dtype, const std::vector<int64_t>& shape,
                            int64_t most) {
  int64_t bytes = element_bytes(dtype);
  for (const int64_t dim : shape)
    if (__builtin_mul_overflow(bytes, dim, &bytes)) return -1;
  return bytes <= most ? bytes : -1;
}

/// Numbers by a seed: floats small and finite, anything else any bytes.
inline Tensor numbers(Choices& c, const std::string& dtype, const std::vector<int64_t>& shape) {
  Tensor t{dtype, shape, {}};
  uint32_t state = c.byte();
  const auto next = [&] { return uint8_t((state = state * 1664525u + 1013904223u) >> 24); };
  t.data.resize(size_t(std::max<int64_t>(0, bytes_within(dtype, shape, 1 << 20))));
  for (char& byte : t.data) byte = char(dtype == "F8_E4M3" ? next() & 0xf7 : next());
  if (dtype != "F32" && dtype != "F16" && dtype != "BF16") return t;
  const size_t size = size_t(element_bytes(dtype));
  for (size_t at = 0; at < t.data.size(); at += size) {
    const float value = float(int(uint8_t(t.data[at])) - 100) / 64;
    const uint16_t half = dtype == "F16" ? f32_to_f16(value) : f32_to_bf16(value);
    std::memcpy(&t.data[at], size == 4 ? static_cast<const void*>(&value) : &half, size);
  }
  return t;
}

/// The groups of inputs, in order or out of it; now and then one is a group that is not there.
inline Tensor group_index(Choices& c, int64_t in, int64_t group) {
  Tensor t{"I32", {in}, {}};
  const int64_t stride = 1 + int64_t(c.below(5)), wrong = c.rarely() ? int64_t(c.byte()) : -1;
  for (int64_t i = 0; i < in; ++i) {
    const int32_t g = int32_t(i == wrong ? ceil_div(in, group) : i * stride % in / group);
    t.data.append(reinterpret_cast<const char*>(&g), 4);
  }
  return t;
}

/// A module and the matrix [out, in] that it stands for.
struct Module {
  std::string name;
  int64_t out, in;
};
using Modules = std::vector<Module>;

inline std::string float_type(Choices& c) { return c.one_of({"F16", "BF16", "F32"}); }

// Each adds the tensors of its modules and returns the options that describe them.

inline Json gptq(Choices& c, const Modules& modules, Tensors& to) {
  const int64_t bits = c.one_of({4, 8}), size = c.one_of({32, -1, 8, 64, 24});
  const bool index = c.rarely();
  for (const Module& m : modules) {
    const int64_t group = size < 0 ? m.in : size, groups = ceil_div(m.in, group);
    to[m.name + ".qweight"] = numbers(c, "I32", {m.in * bits / 32, m.out});
    to[m.name + ".qzeros"] = numbers(c, "I32", {groups, m.out * bits / 32});
    to[m.name + ".scales"] = numbers(c, float_type(c), {groups, m.out});
    if (index) to[m.name + ".g_idx"] = group_index(c, m.in, group);
    // the middle everywhere, as symmetric quantisers store it
    if (c.byte() % 2) to[m.name + ".qzeros"].data.assign(size_t(4 * groups * (m.out / 8)), '\x77');
  }
  return {{"quant_method", "gptq"},
          {"bits", bits},
          {"group_size", size},
          {"desc_act", index},
          {"checkpoint_format", c.one_of({"gptq", "gptq_v2"})}};
}

inline Json awq(Choices& c, const Modules& modules, Tensors& to) {
  const int64_t size = c.one_of({32, -1, 8, 64});
  for (const Module& m : modules) {
    const int64_t groups = ceil_div(m.in, size < 0 ? m.in : size);
    to[m.name + ".qweight"] = numbers(c, "I32", {m.in, m.out / 8});
    to[m.name + ".qzeros"] = numbers(c, "I32", {groups, m.out / 8});
    to[m.name + ".scales"] = numbers(c, float_type(c), {groups, m.out});
  }
  return {{"quant_method", "awq"},
          {"bits", 4},
          {"group_size", size},
          {"version", "gemm"},
          {"zero_point", true}};
}

inline Json bitsandbytes_4bit(Choices& c, const Modules& modules, Tensors& to) {
  const int64_t block = c.one_of({64, 32, 128, 7}), nested_block = c.one_of({256, 4, 3});
  const std::string type = c.one_of({"nf4", "fp4"});
  const bool nested = c.byte() % 2;
  for (const Module& m : modules) {
    const int64_t n = m.out * m.in, blocks = ceil_div(n, block);
    Json state = {{"quant_type", type}, {"shape", {m.out, m.in}}, {"blocksize", block}};
    to[m.name + ".weight"] = numbers(c, "U8", {(n + 1) / 2, 1});
    to[m.name + ".weight.quant_map"] = numbers(c, "F32", {16});
    to[m.name + ".weight.absmax"] = numbers(c, nested ? "U8" : "F32", {blocks});
    if (nested) {
      state["nested_blocksize"] = nested_block;
      state["nested_offset"] = 0.25;
      to[m.name + ".weight.nested_absmax"] = numbers(c, "F32", {ceil_div(blocks, nested_block)});
      to[m.name + ".weight.nested_quant_map"] = numbers(c, "F32", {256});
    }
    const std::string text = state.dump();
    to[m.name + ".weight.quant_state.bitsandbytes__" + type] = {"U8", {int64_t(text.size())}, text};
  }
  return {{"quant_method", "bitsandbytes"}, {"load_in_4bit", true}, {"bnb_4bit_quant_type", type}};
}

inline Json bitsandbytes_8bit(Choices& c, const Modules& modules, Tensors& to) {
  for (const Module& m : modules) {
    to[m.name + ".weight"] = numbers(c, "I8", {m.out, m.in});
    to[m.name + ".SCB"] = numbers(c, "F32", {m.out});
    if (c.rarely()) to[m.name + ".weight_format"] = {"U8", {}, std::string(1, '\0')};
  }
  return {{"quant_method", "bitsandbytes"}, {"load_in_8bit", true}};
}

inline Json mlx(Choices& c, const Modules& modules, Tensors& to) {
  const bool mxfp4 = c.rarely();
  const int64_t bits = mxfp4 ? 4 : c.one_of({4, 3, 5, 6, 8});
  const int64_t group = mxfp4 ? 32 : c.one_of({32, 64, 128});
  Json options = {{"bits", bits}, {"group_size", group}, {"mode", mxfp4 ? "mxfp4" : "affine"}};
  for (const Module& m : modules) {
    to[m.name + ".weight"] = numbers(c, "U32", {m.out, m.in * bits / 32});
    const std::string type = mxfp4 ? "U8" : float_type(c);
    to[m.name + ".scales"] = numbers(c, type, {m.out, m.in / group});
    if (!mxfp4) to[m.name + ".biases"] = numbers(c, type, {m.out, m.in / group});
    if (c.rarely()) options[m.name] = {{"bits", 8}, {"group_size", 32}};
  }
  return options;
}

inline Json compressed_tensors(Choices& c, const Modules& modules, Tensors& to) {
  const std::string format =
      c.one_of({"pack-quantized", "int-quantized", "float-quantized", "naive-quantized"});
  const std::string strategy = c.one_of({"group", "channel", "tensor", "block"});
  const bool packed = format == "pack-quantized", is_float = format == "float-quantized";
  const bool symmetric = is_float || c.byte() % 2 == 0, index = packed && c.rarely();
  const int64_t bits = packed ? c.one_of({4, 8}) : 8, size = c.one_of({32, 8, 24, -1});
  const std::vector<int64_t> block = {c.one_of({16, 8, 3}), c.one_of({32, 16, 5})};
  for (const Module& m : modules) {
    const bool tensor = strategy == "tensor", blocks = strategy == "block";
    const int64_t group = strategy == "group" && size > 0 ? size : blocks ? block[1] : m.in;
    const int64_t grid_rows = tensor ? 1 : blocks ? ceil_div(m.out, block[0]) : m.out;
    const int64_t groups = ceil_div(m.in, group), per_word = 32 / bits;
    to[m.name + ".weight_scale"] = numbers(c, float_type(c), {grid_rows, groups});
    if (packed) {
      const int64_t shape[] = {m.out, m.in};
      to[m.name + ".weight_packed"] = numbers(c, "I32", {m.out, ceil_div(m.in, per_word)});
      to[m.name + ".weight_shape"] = {
          "I64", {2}, std::string(reinterpret_cast<const char*>(shape), sizeof shape)};
    } else {
      to[m.name + ".weight"] = numbers(c, is_float ? "F8_E4M3" : "I8", {m.out, m.in});
    }
    if (!symmetric)
      to[m.name + ".weight_zero_point"] =
          packed ? numbers(c, "I32", {ceil_div(grid_rows, per_word), groups})
                 : numbers(c, "I8", {grid_rows, groups});
    if (index) to[m.name + ".weight_g_idx"] = group_index(c, m.in, group);
  }
  const Json weights = {{"num_bits", bits},         {"type", is_float ? "float" : "int"},
                        {"strategy", strategy},     {"group_size", size},
                        {"block_structure", block}, {"symmetric", symmetric}};
  return {{"quant_method", "compressed-tensors"},
          {"format", format},
          {"config_groups", {{"group_0", {{"weights", weights}}}}}};
}

inline Json fp8_block(Choices& c, const Modules& modules, Tensors& to) {
  const std::vector<int64_t> block = {c.one_of({128, 16, 1, 7}), c.one_of({128, 32, 1, 5})};
  for (const Module& m : modules) {
    to[m.name + ".weight"] = numbers(c, "F8_E4M3", {m.out, m.in});
    to[m.name + ".weight_scale_inv"] =
        numbers(c, float_type(c), {ceil_div(m.out, block[0]), ceil_div(m.in, block[1])});
  }
  return {{"quant_method", "fp8"}, {"weight_block_size", block}};
}

/// What this program itself writes.
inline Json own(Choices& c, const Modules& modules, Tensors& to) {
  Json matrices = Json::object();
  for (const Module& m : modules) {
    const DType type = c.one_of({DType::kQ8_0, DType::kQ4_0, DType::kQ4G, DType::kF16});
    const bool inner = m.name.rfind("layers.", 0) == 0;  // listed by its full name
    matrices[(inner ? "model." : "") + m.name + ".weight"] = name_of(type);
    const int64_t in = round_up(m.in, kQuantBlock);
    to[m.name + ".weight"] = type == DType::kF16 ? numbers(c, "F16", {m.out, m.in})
                                                 : numbers(c, "U8", {m.out, row_bytes(type, in)});
  }
  return {{"quant_method", "qwench"}, {"version", 1}, {"type", "q8_0"}, {"matrices", matrices}};
}

}  // namespace qwench::fuzz
