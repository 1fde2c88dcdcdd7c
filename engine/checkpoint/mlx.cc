// MLX: integers in a stream of bits along each row, low bits first, and for each group of a row
//   affine  weight U32 [out, in * bits / 32], scales and biases float [out, in / group]:
//           value = q * scale + bias
//   mxfp4   weight U32 [out, in / 8], scales U8 [out, in / 32]:
//           value = fp4 e2m1 * 2^(scale - 127)
// Embedding and head are quantised too. A module's own entry in the configuration replaces the
// general one. `biases` are the offsets of groups; a module's additive bias is `bias`, as everywhere.
// Sources: mlx.core.quantize and dequantize; OCP microscaling formats specification (mxfp4).
#include <array>
#include <cmath>
#include <optional>

#include "engine/base/checked.h"
#include "engine/checkpoint/scale_grid.h"
#include "engine/checkpoint/weight_scheme.h"

namespace qwench {
namespace {

struct MlxOptions {
  int bits = 4;
  int64_t group_size = 64;
  bool mxfp4 = false;
};

MlxOptions read_options(const Json& json, const std::string& where) {
  MlxOptions o;
  const std::string mode = option_word(json, "mode", where);
  if (!mode.empty() && mode != "affine" && mode != "mxfp4")
    refuse_option(where, "mode", in_quotes(mode), "affine or mxfp4");
  o.mxfp4 = mode == "mxfp4";
  if (has(json, "bits")) o.bits = int(read_int(json, "bits", 1, 32, where));
  o.group_size = has(json, "group_size") ? read_int(json, "group_size", 1, INT32_MAX, where)
                 : o.mxfp4               ? 32
                                         : 64;  // the defaults of mlx.nn.quantize
  const bool affine_bits = o.bits == 3 || o.bits == 4 || o.bits == 5 || o.bits == 6 || o.bits == 8;
  if (o.mxfp4 ? o.bits != 4 : !affine_bits)
    refuse_option(where, "bits", std::to_string(o.bits), o.mxfp4 ? "4" : "3, 4, 5, 6 or 8");
  const bool affine_group = o.group_size == 32 || o.group_size == 64 || o.group_size == 128;
  if (o.mxfp4 ? o.group_size != 32 : !affine_group)
    refuse_option(where, "group_size", std::to_string(o.group_size),
                  o.mxfp4 ? "32" : "32, 64 or 128");
  return o;
}

class MlxWeight : public PackedWeight {
 public:
  MlxWeight(const MlxOptions& o, const PackedModule& module, int64_t out, int64_t in)
      : PackedWeight(
            out, in,
            fmt::format("mlx {} {}bit g{}", o.mxfp4 ? "mxfp4" : "affine", o.bits, o.group_size)),
        options_(o),
        weight_(module.required("weight")),
        scales_(module.required("scales")) {
    if (o.mxfp4) return;
    const BlockShape group{1, o.group_size};
    affine_scales_.emplace(scales_, out, in, group);
    affine_biases_.emplace(module.required("biases"), out, in, group);
  }

  void decode(int64_t first, int64_t n, float* to) const override {
    const int64_t row_words = cols() * options_.bits / 32, step = rows_at_once(row_words * 4);
    std::vector<uint8_t> q(static_cast<size_t>(cols()));
    for (int64_t r = first; r < first + n; r += step) {
      const int64_t n_rows = std::min(step, first + n - r);
      const std::vector<uint32_t> words = weight_.read_words(r * row_words, n_rows * row_words);
      const GridRows scales = read_scales(r, n_rows), biases = read_biases(r, n_rows);
      for (int64_t k = r; k < r + n_rows; ++k, to += cols()) {
        unpack_bits(&words[size_t((k - r) * row_words)], options_.bits, cols(), q.data());
        decode_row(q.data(), scales.row(k), options_.mxfp4 ? nullptr : biases.row(k), to);
      }
    }
  }

 private:
  void decode_row(const uint8_t* q, const float* scale, const float* bias, float* to) const {
    constexpr std::array<float, 16> kE2m1 = {0,    0.5f,  1,  1.5f,  2,  3,  4,  6,
                                             -0.f, -0.5f, -1, -1.5f, -2, -3, -4, -6};
    for (int64_t c = 0; c < cols(); ++c) {
      const int64_t g = c / options_.group_size;
      to[c] = bias ? float(q[c]) * scale[g] + bias[g] : kE2m1[q[c]] * scale[g];
    }
  }

  GridRows read_biases(int64_t first, int64_t n) const {
    return options_.mxfp4 ? GridRows{} : affine_biases_->read(first, n);
  }

  GridRows read_scales(int64_t first, int64_t n) const {
    if (!options_.mxfp4) return affine_scales_->read(first, n);
    GridRows out;
    out.first_grid_row = first;
    out.grid_cols = cols() / options_.group_size;
    for (const uint8_t e : scales_.read_bytes(first * out.grid_cols, n * out.grid_cols)) {
      if (e == 255) scales_.refuse("expected exponents of 0 to 254, got 255 (not a number)");
      out.values.push_back(std::ldexp(1.0f, int(e) - 127));
    }
    return out;
  }

  MlxOptions options_;
  Part weight_, scales_;
  std::optional<ScaleGrid> affine_scales_, affine_biases_;
};

class Mlx : public WeightScheme {
 public:
  Mlx(const Json& options, const std::string& where) : general_(read_options(options, where)) {
    for (const auto& [module, own] : options.items())
      if (own.is_object()) own_.emplace(module, read_options(own, where + ": " + module));
  }
  std::string_view name() const override { return "MLX"; }
  const std::vector<std::string_view>& part_names() const override {
    static const std::vector<std::string_view> names = {"weight", "scales", "biases"};
    return names;
  }
  std::unique_ptr<PackedWeight> assemble(const PackedModule& module) const override {
    const auto own = own_.find(module.name);
    const MlxOptions& o = own == own_.end() ? general_ : own->second;
    const Part &weight = module.required("weight"), &scales = module.required("scales");
    weight.expect_dtype({"U32"});
    weight.expect_matrix();
    if (o.mxfp4) scales.expect_dtype({"U8"});
    scales.expect_matrix();
    const int64_t out = weight.shape()[0];
    const int64_t in = checked_mul(scales.shape()[1], o.group_size, scales.name);
    weight.expect_shape({out, checked_mul(in, o.bits, weight.name) / 32});
    scales.expect_shape({out, in / o.group_size});
    return std::make_unique<MlxWeight>(o, module, out, in);
  }

 private:
  MlxOptions general_;
  std::map<std::string, MlxOptions, std::less<>> own_;  // by module
};

}  // namespace

std::unique_ptr<WeightScheme> make_mlx(const Json& options, const std::string& where) {
  return std::make_unique<Mlx>(options, where);
}

}  // namespace qwench
