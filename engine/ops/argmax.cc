// Cost, contract and example of argmax.
#include "engine/ops/argmax.h"

#include <algorithm>

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const ArgmaxArgs& a) { return {a.logits.shape.count(), a.logits.bytes()}; }

void validate(const ArgmaxArgs& a) {
  QWENCH_CHECK(is_index(a.ids, a.logits.rows()) && a.logits.dtype == DType::kF32);
  QWENCH_CHECK(is_index(a.nonfinite, a.logits.rows()));
  QWENCH_CHECK(a.limit > 0 && a.limit <= a.logits.cols());
}

ArgmaxArgs example(Tag<ArgmaxArgs>, const OpSizes& s, ExampleAllocator& m) {
  const auto limit = std::max<int64_t>(1, int64_t(double(s.vocab) * s.limit));
  return {s.ties ? m.ties({s.n_tokens, s.vocab}) : m.row_values(s, s.vocab),
          m.room({s.n_tokens}, DType::kI32), m.room({s.n_tokens}, DType::kI32), limit};
}

}  // namespace qwench
