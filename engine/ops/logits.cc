// Cost, contract and example of logits.
#include "engine/ops/logits.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const LogitsArgs& a) { return cost(LinearArgs{a.x, a.w, {}, a.y}); }

void validate(const LogitsArgs& a) { validate(LinearArgs{a.x, a.w, {}, a.y}); }

LogitsArgs example(Tag<LogitsArgs>, const OpSizes& s, ExampleAllocator& m) {
  const WeightUse use = s.tied ? WeightUse::kTiedEmbedding : WeightUse::kHead;
  return {m.row_values(s, s.dim), m.weight(s.vocab, s.dim, s.table, use), m.row_room(s, s.vocab)};
}

}  // namespace qwench
