// FP8 as Qwen publishes it: float8 e4m3 with one scale for each block of weight_block_size, counted
// from the first row and column; blocks at the ends may be smaller.
//   weight F8_E4M3 [out, in]    weight_scale_inv float [ceil(out / 128), ceil(in / 128)]
//   value = weight * weight_scale_inv   (the stored number is already the inverse)
// Other quantisers of the same name store weight_scale instead, one for the matrix or for each row.
// How activations are to be rounded at run time is not a property of the weights and is not followed.
// Sources: transformers (integrations/finegrained_fp8.py, FineGrainedFP8Config), vLLM (fp8.py).
#include "engine/checkpoint/byte_weight.h"

namespace qwench {
namespace {

class Fp8Block : public WeightScheme {
 public:
  /// block: of a whole matrix where its sizes are 0.
  explicit Fp8Block(const BlockShape& block) : block_(block) {}
  std::string_view name() const override { return "FP8"; }
  const std::vector<std::string_view>& part_names() const override {
    static const std::vector<std::string_view> names = {
        "weight", "weight_scale_inv", "weight_scale", "input_scale", "activation_scale"};
    return names;
  }
  std::vector<std::string> notes() const override { return {std::string(kActivationsNote)}; }
  std::unique_ptr<PackedWeight> assemble(const PackedModule& module) const override {
    ByteWeightParts parts;
    parts.weight = module.required("weight");
    parts.weight.expect_dtype({"F8_E4M3"});
    parts.weight.expect_matrix();
    const int64_t rows = parts.weight.shape()[0], cols = parts.weight.shape()[1];
    const Part* const scale = module.optional("weight_scale");
    parts.scale = scale ? *scale : module.required("weight_scale_inv");
    parts.block = block_;
    if (scale) parts.block = {scale->elements() == 1 ? rows : 1, cols};
    if (parts.block.rows == 0) parts.block = {rows, cols};
    const bool whole = parts.block.rows == rows && parts.block.cols == cols;
    return make_byte_weight(parts, scale || whole
                                       ? fmt::format("fp8 e4m3 {}", whole ? "tensor" : "row")
                                       : fmt::format("fp8 e4m3 {}x{}", block_.rows, block_.cols));
  }

 private:
  BlockShape block_;
};

}  // namespace

std::unique_ptr<WeightScheme> make_fp8_block(const Json& options, const std::string& where) {
  const std::string format = option_word(options, "fmt", where);
  if (!format.empty() && format != "e4m3") refuse_option(where, "fmt", in_quotes(format), "e4m3");
  const std::string scales = option_word(options, "scale_fmt", where);
  if (!scales.empty() && scales != "float")  // ue8m0 stores exponents where floats are expected
    refuse_option(where, "scale_fmt", option_text(options, "scale_fmt"), "float");
  BlockShape block{128, 128};  // where the key is absent, as in transformers
  if (options.is_object() && options.contains("weight_block_size")) {
    const Json& sizes = options.at("weight_block_size");
    if (!sizes.is_null() && (!sizes.is_array() || sizes.size() != 2))
      refuse_option(where, "weight_block_size", describe(sizes),
                    "two sizes, such as [128, 128], or null for one scale a matrix");
    const auto size = [&](size_t i) {
      return sizes.is_null() ? 0 : as_int(sizes[i], "weight_block_size", 1, INT32_MAX, where);
    };
    block = {size(0), size(1)};
  }
  return std::make_unique<Fp8Block>(block);
}

}  // namespace qwench
