// FP8 as Qwen publishes it: float8 e4m3 with one scale for each block of weight_block_size, counted
// from the first row and column; blocks at the ends may be smaller.
//   weight F8_E4M3 [out, in]    weight_scale_inv float [ceil(out / 128), ceil(in / 128)]
//   value = weight * weight_scale_inv   (the stored number is already the inverse)
// Source: transformers (integrations/finegrained_fp8.py).
#include "engine/checkpoint/byte_weight.h"

namespace qwench {
namespace {

class Fp8Block : public WeightScheme {
 public:
  explicit Fp8Block(const BlockShape& block) : block_(block) {}
  std::string_view name() const override { return "FP8"; }
  const std::vector<std::string_view>& part_names() const override {
    static const std::vector<std::string_view> names = {"weight", "weight_scale_inv"};
    return names;
  }
  std::unique_ptr<PackedWeight> assemble(const PackedModule& module) const override {
    ByteWeightParts parts;
    parts.weight = module.required("weight");
    parts.weight.expect_dtype({"F8_E4M3"});
    parts.scale = module.required("weight_scale_inv");
    parts.block = block_;
    return make_byte_weight(parts, fmt::format("fp8 e4m3 {}x{}", block_.rows, block_.cols));
  }

 private:
  BlockShape block_;
};

}  // namespace

std::unique_ptr<WeightScheme> make_fp8_block(const Json& options, const std::string& where) {
  const std::string format = option_word(options, "fmt", where);
  if (!format.empty() && format != "e4m3") refuse_option(where, "fmt", in_quotes(format), "e4m3");
  if (has(options, "scale_fmt"))  // ue8m0 stores exponents where floats are expected
    refuse_option(where, "scale_fmt", option_text(options, "scale_fmt"), "none (floats)");
  if (!has(options, "weight_block_size") || !options.at("weight_block_size").is_array() ||
      options.at("weight_block_size").size() != 2)
    refuse_option(where, "weight_block_size", option_text(options, "weight_block_size"),
                  "two sizes, such as [128, 128]");
  const Json& sizes = options.at("weight_block_size");
  const auto size = [&](size_t i) {
    return as_int(sizes[i], "weight_block_size", 1, INT32_MAX, where);
  };
  return std::make_unique<Fp8Block>(BlockShape{size(0), size(1)});
}

}  // namespace qwench
