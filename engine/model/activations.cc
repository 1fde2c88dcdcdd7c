// Layout of the activation arena. Sizes are computed by the same walk that places the tensors.
#include "engine/model/activations.h"

#include "engine/base/checked.h"

namespace qwench {

namespace {

/// Hands out 64-byte aligned pieces of an arena, or only adds them up when there is none.
class Arena {
 public:
  explicit Arena(void* base) : base_(static_cast<char*>(base)) {}
  TensorView take(DType dtype, Shape shape) {
    TensorView view{base_ ? base_ + used_ : nullptr, dtype, shape};
    used_ = checked_add(used_, round_up(view.bytes(), 64), "activation bytes");
    return view;
  }
  int64_t used() const { return used_; }

 private:
  char* base_;
  int64_t used_ = 0;
};

}  // namespace

int64_t Activations::place(const ModelConfig& c, void* base) {
  const int64_t n = max_tokens;
  Arena arena(base);
  for (TensorView* t : {&tokens, &slots, &positions, &sequences}) *t = arena.take(DType::kI32, {n});
  for (TensorView* t : {&x, &normed}) *t = arena.take(DType::kF32, {n, c.dim});
  for (TensorView* t : {&q, &context}) *t = arena.take(DType::kF32, {n, c.q_dim()});
  for (TensorView* t : {&k, &v}) *t = arena.take(DType::kF32, {n, c.kv_dim()});
  for (TensorView* t : {&gate, &h}) *t = arena.take(DType::kF32, {n, c.ffn_dim});
  logits = arena.take(DType::kF32, {max_logits, c.vocab});
  for (TensorView* t : {&ids, &nonfinite}) *t = arena.take(DType::kI32, {max_logits});
  return arena.used();
}

int64_t Activations::bytes(const ModelConfig& config, int64_t max_tokens, int64_t max_logits) {
  Activations measured;
  measured.max_tokens = max_tokens, measured.max_logits = max_logits;
  return measured.place(config, nullptr);
}

Activations::Activations(Backend& backend, const ModelConfig& config, int64_t tokens_capacity,
                         int64_t logits_capacity)
    : max_tokens(tokens_capacity), max_logits(logits_capacity) {
  storage_ = backend.allocate(bytes(config, max_tokens, max_logits), MemoryKind::kActivations);
  place(config, storage_.data());
}

}  // namespace qwench
