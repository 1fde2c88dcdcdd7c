// What a level-2 op means: its parts, in order. A fused kernel is a faster way to the same numbers.
#include "engine/backend.h"

namespace qwench {

void compose(Backend& backend, const AddRmsNormArgs& a) {
  if (a.delta) backend.run(AddArgs{a.delta, a.x});
  backend.run(RmsNormArgs{a.x, a.w, a.eps, a.y});
}

void compose(Backend& backend, const QkvLinearArgs& a) {
  backend.run(LinearArgs{a.x, a.wq, a.bias_q, a.q});
  backend.run(LinearArgs{a.x, a.wk, a.bias_k, a.k});
  backend.run(LinearArgs{a.x, a.wv, a.bias_v, a.v});
}

void compose(Backend& backend, const QkNormRopeArgs& a) {
  if (a.q_norm) backend.run(HeadNormArgs{a.q, a.q_norm, a.eps});
  if (a.k_norm) backend.run(HeadNormArgs{a.k, a.k_norm, a.eps});
  backend.run(RopeArgs{a.q, a.positions, a.cos, a.sin});
  backend.run(RopeArgs{a.k, a.positions, a.cos, a.sin});
  backend.run(KvStoreArgs{a.k, a.v, a.positions, a.sequences, a.cache});
}

void compose(Backend& backend, const GateUpSwiGluArgs& a) {
  backend.run(LinearArgs{a.x, a.w_gate, {}, a.scratch});
  backend.run(LinearArgs{a.x, a.w_up, {}, a.h});
  backend.run(SwiGluArgs{a.scratch, a.h, a.h});
}

void compose(Backend& backend, const LogitsArgs& a) { backend.run(LinearArgs{a.x, a.w, {}, a.y}); }

}  // namespace qwench
