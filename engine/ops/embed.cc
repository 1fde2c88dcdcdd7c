// Cost, contract and example of embed.
#include "engine/ops/embed.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const EmbedArgs& a) {
  const int64_t read = a.x.rows() * row_bytes(a.w.dtype, a.w.in);
  return {0, a.tokens.bytes() + read + a.x.bytes()};
}

void validate(const EmbedArgs& a) {
  QWENCH_CHECK(is_index(a.tokens, a.x.rows()) && is_weight(a.w, a.x.cols()));
  QWENCH_CHECK(is_matrix(a.x, a.x.rows(), a.x.cols()));
}

EmbedArgs example(Tag<EmbedArgs>, const OpSizes& s, ExampleAllocator& m) {
  const WeightUse use = s.tied ? WeightUse::kTiedEmbedding : WeightUse::kEmbedding;
  return {m.sequence(s.n_tokens, 17, 7919, s.vocab), m.weight(s.vocab, s.dim, s.table, use),
          m.row_room(s, s.dim)};
}

}  // namespace qwench
