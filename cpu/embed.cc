// embed: x[t] = w[tokens[t]], a row of the embedding as f32.
#include <cstring>

#include "cpu/ops.h"
#include "cpu/panels.h"
#include "cpu/plain_weight.h"
#include "cpu/plugin_args.h"
#include "cpu/quant_panels.h"

namespace qwench::cpu {

namespace {

void embed_reference(const EmbedArgs& a, Stream&) {
  for (int64_t t = 0; t < a.x.rows(); ++t) {
    const int64_t row = a.tokens.as<const int32_t>()[t];
    float* x = a.x.row<float>(t);
    const float* w = plain_row(a.w, row, x);
    if (w != x) std::memcpy(x, w, size_t(a.w.in) * sizeof(float));
  }
}
const char* reference_unsupported(const EmbedArgs& a) { return needs_plain(a.w); }

// Gathers a row out of its panel: one element a line, but only `dim` of them a token.
void embed_panel(const EmbedArgs& a, Stream&) {
  for (int64_t t = 0; t < a.x.rows(); ++t) {
    const int64_t row = a.tokens.as<const int32_t>()[t];
    const char* panel =
        static_cast<const char*>(a.w.packed) + row / kPanelRows * panel_bytes(a.w.dtype, a.w.in);
    float* x = a.x.row<float>(t);
    if (is_quantized(a.w.dtype)) {
      decode_quant_row(a.w.dtype, panel, row % kPanelRows, a.w.in, x);
      continue;
    }
    const WeightView elements{a.w.dtype, 1, 0, panel, nullptr, {}};
    for (int64_t k = 0; k < a.w.in; ++k)
      x[k] = weight_at(elements, 0, panel_index(a.w.dtype, row % kPanelRows, k));
  }
}
const char* panel_unsupported(const EmbedArgs& a) {
  return a.w.packed ? nullptr : "the packed layout is not held";
}

constexpr Kernel<EmbedArgs> kEmbed[] = {
    {"reference", reference_unsupported, embed_reference},
    {"panel_gather", panel_unsupported, embed_panel, Layout::kPacked},
};

void to_c(const EmbedArgs& a, QwenchArgs& to) {
  to.embed = {tensor(a.tokens), weight(a.w), matrix(a.x)};
}

}  // namespace

template <>
CpuOp<EmbedArgs> cpu_op() {
  return {kEmbed, to_c};
}

}  // namespace qwench::cpu
