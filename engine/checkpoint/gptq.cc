// GPTQ: integers packed along the inputs, a scale and a zero point for each group of inputs.
//   qweight I32 [in * bits / 32, out]    qzeros I32 [groups, out * bits / 32]
//   scales  float [groups, out]          g_idx  I32 [in], the group of each input (optional)
//   weight[o, i] = scales[g, o] * (q[i, o] - zero[g, o]),  low bits of a word first
// What the configuration says of a module is believed as far as its tensors agree: `dynamic` gives
// patterns of modules bits and groups of their own, and the shapes say which of them a module has; of
// symmetric files the zero points themselves say whether they are stored less one.
// Sources: AutoGPTQ and GPTQModel (TorchLinear.dequantize_weight, QuantizeConfig.dynamic_get).
#include <algorithm>
#include <optional>

#include "engine/base/checked.h"
#include "engine/checkpoint/exact_q4_0.h"
#include "engine/checkpoint/weight_scheme.h"

namespace qwench {
namespace {

struct GptqOptions {
  int bits = 4;
  int64_t group_size = -1;
  bool zeros_minus_one = true;  // "gptq" (v1) stores zero points less one, "gptq_v2" as they are
  bool symmetric = true;        // every zero point is the middle
  int per_word() const { return 32 / bits; }
  uint32_t mask() const { return (1u << bits) - 1; }
  /// A word of ones, one in each of its fields.
  uint32_t ones() const { return bits == 4 ? 0x11111111u : 0x01010101u; }
  int64_t groups(int64_t in) const { return ceil_div(in, group_columns(group_size, in)); }
  std::string stored() const {
    return fmt::format("gptq int{} {}{}{}", bits, group_text(group_size),
                       symmetric ? "" : " asymmetric", zeros_minus_one ? "" : " v2");
  }
};

/// Whether all zero points of a module are stored as the middle less one (v1) or as the middle (v2);
/// nothing when they are neither.
std::optional<bool> stored_minus_one(const Part& qzeros, uint32_t ones, int bits) {
  const uint32_t middle = ones << (bits - 1);
  bool minus_one = true, as_is = true;
  const int64_t step = kDecodeBytes / 4, n = qzeros.bytes() / 4;
  for (int64_t first = 0; first < n && (minus_one || as_is); first += step)
    for (const uint32_t word : qzeros.read_words(first, std::min(step, n - first)))
      minus_one &= word == middle - ones, as_is &= word == middle;
  if (minus_one == as_is) return std::nullopt;
  return minus_one;
}

class GptqWeight : public PackedWeight {
 public:
  GptqWeight(const GptqOptions& options, const PackedModule& module, int64_t in, int64_t out)
      : PackedWeight(out, in, options.stored()),
        options_(options),
        group_(group_columns(options.group_size, in)),
        groups_(ceil_div(in, group_)),
        qweight_(module.required("qweight")),
        qzeros_(module.required("qzeros")),
        scales_(module.required("scales")) {
    scales_.expect_dtype({"F16", "BF16", "F32"});
    scales_.expect_shape({groups_, out});
    if (const Part* g_idx = module.optional("g_idx")) {
      group_of_ = read_group_index(*g_idx, in, groups_);
      if (group_of_ == ascending_groups()) group_of_ = {};
    }
    if (is_q4_0()) hold_as_q4_0();
  }

  void decode(int64_t first, int64_t n, float* to) const override {
    const std::vector<float> scales = scales_.read_float_block(0, groups_, first, n);
    const std::vector<int32_t> zeros = read_zeros(first, n);  // both [groups, n]
    const std::vector<int32_t> group_of = group_of_.empty() ? ascending_groups() : group_of_;
    const int64_t words = cols() / options_.per_word();
    const int64_t step = std::max<int64_t>(1, kDecodeBytes / 4 / std::max<int64_t>(1, n));
    for (int64_t w = 0; w < words; w += step) {
      const int64_t n_words = std::min(step, words - w);
      const std::vector<uint32_t> packed = qweight_.read_word_block(w, n_words, first, n);
      for (int64_t o = 0; o < n; ++o)
        for (int64_t k = 0; k < n_words; ++k) {
          const int64_t i = (w + k) * options_.per_word();
          decode_word(packed[size_t(k * n + o)], &group_of[size_t(i)], scales.data() + o,
                      zeros.data() + o, n, to + o * cols() + i);
        }
    }
  }

 protected:
  std::vector<float> block_scales(int64_t first, int64_t n) const override {
    const std::vector<float> scales = scales_.read_float_block(0, groups_, first, n);
    std::vector<float> blocks;
    for (int64_t o = 0; o < n; ++o)
      for (int64_t i = 0; i < cols(); i += kQuantBlock)
        blocks.push_back(scales[size_t(i / group_ * n + o)]);
    return blocks;
  }

 private:
  /// Symmetric (every zero point is the middle), in whole blocks of consecutive inputs.
  bool is_q4_0() const {
    if (options_.bits != 4 || !group_of_.empty() || group_ % kQuantBlock || cols() % kQuantBlock)
      return false;
    for (const int32_t zero : read_zeros(0, rows()))
      if (zero != 8) return false;
    return scales_.dtype() == "F16" || all_in_f16(scales_.read_floats(0, groups_ * rows()));
  }

  /// scales and zeros: of one output, `stride` apart.
  void decode_word(uint32_t word, const int32_t* group_of, const float* scales,
                   const int32_t* zeros, int64_t stride, float* to) const {
    for (int j = 0; j < options_.per_word(); ++j, word >>= options_.bits) {
      const int64_t at = group_of[j] * stride;
      to[j] = float(int32_t(word & options_.mask()) - zeros[at]) * scales[at];
    }
  }

  std::vector<int32_t> ascending_groups() const {
    std::vector<int32_t> group_of(static_cast<size_t>(cols()));
    for (int64_t i = 0; i < cols(); ++i) group_of[size_t(i)] = int32_t(i / group_);
    return group_of;
  }

  /// [groups, n]
  std::vector<int32_t> read_zeros(int64_t first, int64_t n) const {
    const int per_word = options_.per_word();
    const int64_t w0 = first / per_word, n_words = ceil_div(first + n, per_word) - w0;
    const std::vector<uint32_t> packed = qzeros_.read_word_block(0, groups_, w0, n_words);
    // v1 writers subtract one from every field of a word at once, borrows included, so that one is
    // added back to the word as a whole
    std::vector<int32_t> zeros(size_t(groups_ * n));
    for (int64_t g = 0; g < groups_; ++g)
      for (int64_t o = 0; o < n; ++o) {
        const int64_t at = first + o;
        uint32_t word = packed[size_t(g * n_words + at / per_word - w0)];
        if (options_.zeros_minus_one) word += options_.ones();
        zeros[size_t(g * n + o)] =
            int32_t(word >> (options_.bits * (at % per_word)) & options_.mask());
      }
    return zeros;
  }

  GptqOptions options_;
  int64_t group_, groups_;
  Part qweight_, qzeros_, scales_;
  std::vector<int32_t> group_of_;  // empty: ascending
};

class Gptq : public WeightScheme {
 public:
  /// choices: those of the whole file first.
  explicit Gptq(std::vector<GptqOptions> choices) : choices_(std::move(choices)) {}
  std::string_view name() const override { return "GPTQ"; }
  const std::vector<std::string_view>& part_names() const override {
    static const std::vector<std::string_view> names = {"qweight", "qzeros", "scales", "g_idx"};
    return names;
  }

  std::unique_ptr<PackedWeight> assemble(const PackedModule& module) const override {
    const Part& qweight = module.required("qweight");
    qweight.expect_dtype({"I32"});
    qweight.expect_matrix();
    GptqOptions o = choose(module, qweight);
    const int64_t in = checked_mul(qweight.shape()[0], o.per_word(), qweight.name);
    const int64_t out = qweight.shape()[1];
    if (out % o.per_word() != 0)
      qweight.refuse("expected a multiple of {} outputs, got {}", o.per_word(), out);
    const Part& qzeros = module.required("qzeros");
    qzeros.expect_dtype({"I32"});
    qzeros.expect_shape({o.groups(in), out / o.per_word()});
    if (o.symmetric) {
      const std::optional<bool> minus_one = stored_minus_one(qzeros, o.ones(), o.bits);
      o.symmetric = minus_one.has_value();
      o.zeros_minus_one = minus_one.value_or(o.zeros_minus_one);
    }
    return std::make_unique<GptqWeight>(o, module, in, out);
  }

 private:
  /// The choice that the shapes agree with; the first when none does, whose mismatch is then said.
  const GptqOptions& choose(const PackedModule& module, const Part& qweight) const {
    const Part& qzeros = module.required("qzeros");
    const GptqOptions* chosen = nullptr;
    for (const GptqOptions& o : choices_) {
      const int64_t in = checked_mul(qweight.shape()[0], o.per_word(), qweight.name);
      if (qzeros.shape() != std::vector<int64_t>{o.groups(in), qweight.shape()[1] / o.per_word()})
        continue;
      const bool same =
          !chosen || group_columns(o.group_size, in) == group_columns(chosen->group_size, in);
      if (!same && !module.optional("g_idx"))  // with it, groups need no size
        qzeros.refuse(
            "expected one group size of `dynamic` that fits {} groups of {} inputs, got {} and {}",
            o.groups(in), in, chosen->group_size, o.group_size);
      if (!chosen) chosen = &o;
    }
    return chosen ? *chosen : choices_.front();
  }

  std::vector<GptqOptions> choices_;
};

void read_sizes(const Json& options, const std::string& where, GptqOptions& o) {
  if (has(options, "bits")) {
    const int64_t bits = read_int(options, "bits", 1, 32, where);
    if (bits != 4 && bits != 8)
      refuse_option(where, "bits", std::to_string(bits), "4 or 8 for GPTQ");
    o.bits = int(bits);
  }
  if (has(options, "group_size")) o.group_size = read_group_size(options, "group_size", where);
  o.symmetric = read_bool(options, "sym", o.symmetric, where);
}

/// Keys of a pattern's own settings that say how the weights were found, not what they are.
bool says_nothing(std::string_view key) {
  for (const std::string_view known :
       {"desc_act", "act_group_aware", "damp_percent", "damp_auto_increment", "mse",
        "static_groups", "true_sequential", "hyb_act", "process", "fallback"})
    if (key == known) return true;
  return false;
}

/// GPTQModel's `dynamic`: "-:PATTERN" leaves modules as they were, "+:PATTERN" or "PATTERN" gives them
/// settings of their own.
void add_dynamic(const Json& dynamic, const std::string& where, std::vector<GptqOptions>& choices) {
  if (!dynamic.is_object()) refuse_option(where, "dynamic", describe(dynamic), "an object");
  for (const auto& [pattern, own] : dynamic.items()) {
    if (pattern.rfind("-:", 0) == 0) continue;  // such modules are floats, as their tensors show
    const std::string place = fmt::format("{}: dynamic {}", where, in_quotes(pattern));
    if (!own.is_object()) fail("{}: expected an object, got {}", place, describe(own));
    for (const auto& [key, value] : own.items())
      if (key != "bits" && key != "group_size" && key != "sym" && !says_nothing(key))
        refuse_option(place, key, describe(value), "only bits, group_size and sym");
    GptqOptions o = choices.front();
    read_sizes(own, place, o);
    choices.push_back(o);
  }
}

}  // namespace

std::unique_ptr<WeightScheme> make_gptq(const Json& options, const std::string& where) {
  GptqOptions o;
  o.group_size = 128;  // where it is not said, as in transformers and GPTQModel
  (void)read_int(options, "bits", 1, 32, where);
  read_sizes(options, where, o);
  for (const char* key : {"checkpoint_format", "format"}) {
    const std::string format = option_word(options, key, where);
    if (format.empty()) continue;
    if (format != "gptq" && format != "gptq_v2")
      refuse_option(where, key, in_quotes(format), "gptq or gptq_v2");
    o.zeros_minus_one = format == "gptq";
    break;
  }
  if (has(options, "pack_dtype") && option_word(options, "pack_dtype", where) != "int32")
    refuse_option(where, "pack_dtype", option_text(options, "pack_dtype"), "int32");
  std::vector<GptqOptions> choices = {o};
  if (has(options, "dynamic")) add_dynamic(options.at("dynamic"), where, choices);
  return std::make_unique<Gptq>(std::move(choices));
}

}  // namespace qwench
