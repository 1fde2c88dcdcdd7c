// AWQ, version "gemm": 4-bit integers packed along the outputs in an order of their own, a scale and
// a zero point for each group of inputs.
//   qweight I32 [in, out / 8]    qzeros I32 [groups, out / 8]    scales float [groups, out]
//   weight[o, i] = scales[g, o] * (q[i, o] - zero[g, o])
// Output 8w + j is in word w at nibble {0, 4, 1, 5, 2, 6, 3, 7}[j].
// Source: AutoAWQ (awq/utils/packing_utils.py); of the defaults transformers' AwqConfig.
#include <algorithm>
#include <array>

#include "engine/base/checked.h"
#include "engine/checkpoint/weight_scheme.h"

namespace qwench {
namespace {

constexpr int64_t kPerWord = 8;

/// Bits to the right of an output's integer in its word.
int shift_of(int64_t output) {
  constexpr std::array<int, 8> kPlace = {0, 4, 1, 5, 2, 6, 3, 7};
  return 4 * kPlace[size_t(output % kPerWord)];
}

/// One output of a block of words that has been read.
struct Output {
  const uint32_t *packed, *zeros;  // [n_inputs, ...] and [groups, ...], `n_words` apart
  const float* scales;             // [groups, ...], `n_scales` apart
  int64_t n_words, n_scales;
  int shift;
};

class AwqWeight : public PackedWeight {
 public:
  AwqWeight(const PackedModule& module, int64_t group, int64_t in, int64_t out,
            const std::string& stored)
      : PackedWeight(out, in, stored),
        group_(group),
        groups_(in / group),
        qweight_(module.required("qweight")),
        qzeros_(module.required("qzeros")),
        scales_(module.required("scales")) {
    qzeros_.expect_dtype({"I32"});
    qzeros_.expect_shape({groups_, out / kPerWord});
    scales_.expect_dtype({"F16", "BF16", "F32"});
    scales_.expect_shape({groups_, out});
  }

  void decode(int64_t first, int64_t n, float* to) const override {
    const int64_t w0 = first / kPerWord, n_words = ceil_div(first + n, kPerWord) - w0;
    const int64_t shift = first - w0 * kPerWord;  // of the first output within the first word
    const std::vector<float> scales = scales_.read_float_block(0, groups_, first, n);
    const std::vector<uint32_t> zeros = qzeros_.read_word_block(0, groups_, w0, n_words);
    const int64_t step = std::max<int64_t>(1, kDecodeBytes / 4 / std::max<int64_t>(1, n_words));
    for (int64_t i0 = 0; i0 < cols(); i0 += step) {
      const int64_t n_inputs = std::min(step, cols() - i0);
      const std::vector<uint32_t> packed = qweight_.read_word_block(i0, n_inputs, w0, n_words);
      for (int64_t o = 0; o < n; ++o) {
        const int64_t at = shift + o, w = at / kPerWord;
        const Output output{packed.data() + w, zeros.data() + w, scales.data() + o, n_words, n,
                            shift_of(at)};
        decode_inputs(output, i0, n_inputs, to + o * cols() + i0);
      }
    }
  }

 private:
  /// Inputs [first, first + n), of which `from.packed` holds the first.
  void decode_inputs(const Output& from, int64_t first, int64_t n, float* to) const {
    for (int64_t i = 0; i < n;) {
      const int64_t g = (first + i) / group_, end = std::min(n, (g + 1) * group_ - first);
      const int32_t zero = int32_t(from.zeros[g * from.n_words] >> from.shift & 15);
      const float scale = from.scales[g * from.n_scales];
      for (; i < end; ++i)
        to[i] = float(int32_t(from.packed[i * from.n_words] >> from.shift & 15) - zero) * scale;
    }
  }

  int64_t group_, groups_;
  Part qweight_, qzeros_, scales_;
};

class Awq : public WeightScheme {
 public:
  explicit Awq(int64_t group_size) : group_size_(group_size) {}
  std::string_view name() const override { return "AWQ"; }
  const std::vector<std::string_view>& part_names() const override {
    static const std::vector<std::string_view> names = {"qweight", "qzeros", "scales"};
    return names;
  }
  std::unique_ptr<PackedWeight> assemble(const PackedModule& module) const override {
    const Part& qweight = module.required("qweight");
    qweight.expect_dtype({"I32"});
    qweight.expect_matrix();
    const int64_t in = qweight.shape()[0];
    const int64_t out = checked_mul(qweight.shape()[1], kPerWord, qweight.name);
    const int64_t group = group_columns(group_size_, in);
    if (in % group != 0)
      qweight.refuse("expected a multiple of {} inputs (the group size), got {}", group, in);
    return std::make_unique<AwqWeight>(module, group, in, out,
                                       "awq int4 " + group_text(group_size_));
  }

 private:
  int64_t group_size_;
};

}  // namespace

std::unique_ptr<WeightScheme> make_awq(const Json& options, const std::string& where) {
  const char* const bits = has(options, "w_bit") ? "w_bit" : "bits";  // the first is AutoAWQ's own
  if (has(options, bits) && read_int(options, bits, 1, 32, where) != 4)
    refuse_option(where, bits, option_text(options, bits), "4 for AWQ");
  for (const char* key : {"version", "format"}) {  // absent: gemm
    const std::string version = option_word(options, key, where);
    if (!version.empty() &&
        version != "gemm")  // gemv, gemv_fast ... order the integers differently
      refuse_option(where, key, option_text(options, key), "gemm");
  }
  if (option_word(options, "backend", where) == "llm-awq")
    refuse_option(where, "backend", "'llm-awq'", "another, whose layout is gemm");
  if (!read_bool(options, "zero_point", true, where))
    refuse_option(where, "zero_point", "false", "true");
  if (has(options, "dynamic"))
    for (const auto& [pattern, own] : options.at("dynamic").items())
      if (pattern.rfind("-:", 0) != 0)  // "-:PATTERN" modules are floats, as their tensors show
        refuse_option(where, "dynamic " + in_quotes(pattern), describe(own), "only '-:' patterns");
  const char* const group = has(options, "q_group_size") ? "q_group_size" : "group_size";
  return std::make_unique<Awq>(has(options, group) ? read_group_size(options, group, where) : 128);
}

}  // namespace qwench
