// The sizes of everything that a session allocates, by the formulas of those who allocate it.
#include "engine/model/session_options.h"

#include "engine/base/checked.h"
#include "engine/base/format_bytes.h"
#include "engine/model/activations.h"

namespace qwench {

int64_t SessionOptions::most_pages() const {
  return n_pages ? n_pages : checked_mul(n_seq, kv_pages(capacity), "KV cache pages");
}

MemoryPlan plan_memory(const ModelConfig& config, int64_t weights, const SessionOptions& o) {
  const char* what = "activations";
  MemoryPlan plan;
  plan.weights = weights;
  plan.kv_cache = KvPool::bytes(kv_shapes(config, o.kv), o.most_pages());
  const int64_t rope = checked_mul(round_up(o.capacity, kKvBlock), config.head_dim * 4, "RoPE");
  const int64_t tables = checked_mul(o.n_seq * 4, kv_pages(o.capacity), "page tables");
  const int64_t host_logits = checked_mul(o.most_logits() * 4, config.vocab, "logits");
  const int64_t host_tokens = checked_mul(o.n_seq * 4, o.capacity, "tokens");
  plan.activations = Activations::bytes(config, o.most_tokens(), o.most_logits());
  for (const int64_t part : {rope, tables, host_logits, host_tokens})
    plan.activations = checked_add(plan.activations, part, what);
  return plan;
}

void require_memory(const ModelConfig& config, int64_t weights, const SessionOptions& options,
                    int64_t available) {
  const MemoryPlan plan = plan_memory(config, weights, options);
  if (plan.total() <= available) return;
  SessionOptions empty = options;
  empty.capacity = 0;
  const int64_t fixed = plan_memory(config, weights, empty).total();
  SessionOptions block = options;
  block.capacity = kKvBlock;
  const int64_t per_block = plan_memory(config, weights, block).total() - fixed;
  const int64_t fits = fixed < available ? (available - fixed) / per_block * kKvBlock : 0;
  fail(
      "memory: {} needed (weights {}, KV cache {} for {} x {} positions, activations {}), {} "
      "available; {}",
      format_bytes(plan.total()), format_bytes(plan.weights), format_bytes(plan.kv_cache),
      options.n_seq, options.capacity, format_bytes(plan.activations), format_bytes(available),
      fits > 0 ? fmt::format("the largest context that fits is {}", fits)
               : std::string("no context fits: choose a smaller model, dtype or batch"));
}

}  // namespace qwench
