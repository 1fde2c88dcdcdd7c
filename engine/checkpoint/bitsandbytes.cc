// bitsandbytes. 4 bits (nf4, fp4): the matrix as one row-major run of codes, high nibble first, in
// blocks that may lie across rows; blocks' scales are plain, or bytes with scales of their own
// ("double quantisation"):
//   value = quant_map[code] * absmax[i / blocksize]
//   absmax[b] = nested_quant_map[byte[b]] * nested_absmax[b / nested_blocksize] + nested_offset
// 8 bits: weight I8 [out, in], SCB F32 [out]: value = weight * SCB * (1 / 127)
// Source: bitsandbytes (functional.py: QuantState, dequantize_4bit, int8_vectorwise_dequant).
#include <cmath>
#include <optional>

#include "engine/base/checked.h"
#include "engine/checkpoint/byte_weight.h"

namespace qwench {
namespace {

constexpr const char* kNf4State = "weight.quant_state.bitsandbytes__nf4";
constexpr const char* kFp4State = "weight.quant_state.bitsandbytes__fp4";

/// The JSON that a tensor of bytes holds, checked.
struct QuantState {
  int64_t rows = 0, cols = 0, block = 0, nested_block = 0;
  float nested_offset = 0;
  bool nested = false;
};

QuantState read_quant_state(const Part& part, std::string_view type) {
  constexpr int64_t kMaxBytes = 1 << 16;
  part.expect_dtype({"U8"});
  if (part.bytes() > kMaxBytes)
    part.refuse("expected at most {} bytes, got {}", kMaxBytes, part.bytes());
  const std::vector<uint8_t> bytes = part.read_bytes(0, part.bytes());
  const std::string where = fmt::format("{}: {}", part.file->path(), in_quotes(part.name));
  const Json json = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, where);
  if (const std::string named = read_string(json, "quant_type", where); named != type)
    part.refuse("quant_type: expected {}, got {}", type, in_quotes(named));
  if (!has(json, "shape") || !json.at("shape").is_array() || json.at("shape").size() != 2)
    part.refuse("shape: expected two sizes, got {}", option_text(json, "shape"));
  QuantState s;
  s.rows = as_int(json.at("shape")[0], "shape", 1, INT32_MAX, where);
  s.cols = as_int(json.at("shape")[1], "shape", 1, INT32_MAX, where);
  s.block = read_int(json, "blocksize", 1, 1 << 20, where);
  s.nested = has(json, "nested_blocksize");
  if (s.nested) {
    s.nested_block = read_int(json, "nested_blocksize", 1, 1 << 20, where);
    s.nested_offset = float(read_number(json, "nested_offset", -1e30, 1e30, where));
  }
  return s;
}

void expect_floats(const Part& part, int64_t count) {
  part.expect_dtype({"F32"});
  part.expect_shape({count});
}

class Nibbles : public PackedWeight {
 public:
  Nibbles(const QuantState& state, const PackedModule& module, std::string_view type)
      : PackedWeight(
            state.rows, state.cols,
            fmt::format("bitsandbytes {}{} g{}", type, state.nested ? " double" : "", state.block)),
        state_(state),
        weight_(module.required("weight")),
        absmax_(module.required("weight.absmax")) {
    const int64_t n = checked_mul(rows(), cols(), weight_.name), blocks = ceil_div(n, state.block);
    // the type is only the container's: it may be any, of the same bytes
    if (weight_.bytes() != (n + 1) / 2)
      weight_.refuse("expected {} bytes for [{}, {}] in 4 bits, got {}", (n + 1) / 2, rows(),
                     cols(), weight_.bytes());
    codes_ = read_table(module.required("weight.quant_map"), 16);
    if (!state.nested) {
      expect_floats(absmax_, blocks);
      return;
    }
    absmax_.expect_dtype({"U8"});
    absmax_.expect_shape({blocks});
    nested_absmax_ = module.required("weight.nested_absmax");
    expect_floats(*nested_absmax_, ceil_div(blocks, state.nested_block));
    nested_codes_ = read_table(module.required("weight.nested_quant_map"), 256);
  }

  void decode(int64_t first, int64_t n, float* to) const override {
    const int64_t begin = first * cols(), end = (first + n) * cols();
    for (int64_t at = begin; at < end; at += kDecodeBytes)
      decode_run(at, std::min(kDecodeBytes, end - at), to + (at - begin));
  }

 private:
  static std::vector<float> read_table(const Part& part, int64_t entries) {
    expect_floats(part, entries);
    return part.read_floats(0, entries);
  }

  /// Elements [first, first + count) of the run.
  void decode_run(int64_t first, int64_t count, float* to) const {
    const int64_t byte0 = first / 2, block0 = first / state_.block;
    const std::vector<uint8_t> bytes = weight_.read_bytes(byte0, (first + count + 1) / 2 - byte0);
    const std::vector<float> absmax =
        read_absmax(block0, ceil_div(first + count, state_.block) - block0);
    for (int64_t i = first; i < first + count; ++i) {
      const uint8_t byte = bytes[size_t(i / 2 - byte0)];
      const float code = codes_[size_t(i % 2 == 0 ? byte >> 4 : byte & 15)];
      *to++ = code * absmax[size_t(i / state_.block - block0)];
    }
  }

  std::vector<float> read_absmax(int64_t first, int64_t count) const {
    if (!state_.nested) return absmax_.read_floats(first, count);
    const std::vector<uint8_t> bytes = absmax_.read_bytes(first, count);
    const int64_t nested0 = first / state_.nested_block;
    const std::vector<float> scales = nested_absmax_->read_floats(
        nested0, ceil_div(first + count, state_.nested_block) - nested0);
    std::vector<float> absmax;
    for (int64_t i = 0; i < count; ++i) {
      const float scale = scales[size_t((first + i) / state_.nested_block - nested0)];
      absmax.push_back(nested_codes_[bytes[size_t(i)]] * scale + state_.nested_offset);
    }
    return absmax;
  }

  QuantState state_;
  Part weight_, absmax_;
  std::vector<float> codes_, nested_codes_;
  std::optional<Part> nested_absmax_;
};

std::unique_ptr<PackedWeight> assemble_int8(const PackedModule& module) {
  if (const Part* format = module.optional("weight_format")) {
    format->expect_dtype({"U8"});
    if (format->bytes() != 1 || format->read_bytes(0, 1)[0] != 0)
      format->refuse(
          "expected 0 (rows), got another layout of int8; save it again with "
          "bitsandbytes 0.45 or newer");
  }
  ByteWeightParts parts;
  parts.weight = module.required("weight");
  parts.weight.expect_dtype({"I8"});
  parts.weight.expect_matrix();
  parts.scale = module.required("SCB");
  parts.scale.expect_dtype({"F32"});
  parts.block.cols = parts.weight.shape()[1];
  parts.factor = 7.874015718698502e-3f;  // 1 / 127, as the library writes it
  return make_byte_weight(parts, "bitsandbytes int8 row");
}

/// A module is what its tensors show, whatever width the configuration names.
class BitsAndBytes : public WeightScheme {
 public:
  explicit BitsAndBytes(bool rounds_activations) : rounds_activations_(rounds_activations) {}
  std::string_view name() const override { return "bitsandbytes"; }
  const std::vector<std::string_view>& part_names() const override {
    static const std::vector<std::string_view> names = {"weight.absmax",
                                                        "weight.quant_map",
                                                        "weight.nested_absmax",
                                                        "weight.nested_quant_map",
                                                        kNf4State,
                                                        kFp4State,
                                                        "weight",
                                                        "SCB",
                                                        "weight_format"};
    return names;
  }
  std::unique_ptr<PackedWeight> assemble(const PackedModule& module) const override {
    if (module.optional("SCB")) return assemble_int8(module);
    const bool fp4 = module.optional(kFp4State) != nullptr;
    const std::string_view type = fp4 ? "fp4" : "nf4";
    const QuantState state = read_quant_state(module.required(fp4 ? kFp4State : kNf4State), type);
    return std::make_unique<Nibbles>(state, module, type);
  }
  std::vector<std::string> notes() const override {
    if (!rounds_activations_) return {};
    return {std::string(kActivationsNote)};
  }

 private:
  bool rounds_activations_;
};

}  // namespace

std::unique_ptr<WeightScheme> make_bitsandbytes(const Json& options, const std::string& where) {
  const bool eight = read_bool(options, "load_in_8bit", false, where);
  if (eight && read_bool(options, "load_in_4bit", false, where))
    refuse_option(where, "load_in_4bit and load_in_8bit", "both", "one of them to be true");
  const std::string type = option_word(options, "bnb_4bit_quant_type", where);
  if (type != "nf4" && type != "fp4" && !type.empty())
    refuse_option(where, "bnb_4bit_quant_type", in_quotes(type), "nf4 or fp4");
  return std::make_unique<BitsAndBytes>(eight);
}

}  // namespace qwench
