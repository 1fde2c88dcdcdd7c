// Cost, contract and example of norm_logits.
#include "engine/ops/norm_logits.h"

#include "engine/ops/example.h"

namespace qwench {

OpCost cost(const NormLogitsArgs& a) {
  return {2 * a.x.rows() * a.w.out * a.w.in + 4 * a.x.shape.count(),
          a.x.bytes() + a.norm.bytes() + a.w.bytes() + a.y.bytes()};
}

void validate(const NormLogitsArgs& a) {
  compose(a, [](const auto& part) { validate(part); });
}

NormLogitsArgs example(Tag<NormLogitsArgs>, const OpSizes& s, ExampleAllocator& m) {
  const WeightUse use = s.tied ? WeightUse::kTiedEmbedding : WeightUse::kHead;
  return {
      m.row_values(s, s.dim), m.values({s.dim}),     s.eps, m.weight(s.vocab, s.dim, s.table, use),
      m.row_room(s, s.dim),   m.row_room(s, s.vocab)};
}

}  // namespace qwench
