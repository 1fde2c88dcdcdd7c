// Threads split a matrix, so the private caches of all of them hold it together.
#include "bench/machine/memory_levels.h"

#include <algorithm>

#include "bench/machine/host.h"

namespace qwench::bench {

std::vector<MemoryLevel> memory_levels() {
  const BackendInfo& info = host();
  std::vector<MemoryLevel> levels;
  if (info.l1d_bytes) levels.push_back({"l1", info.l1d_bytes, false});
  if (info.l2_bytes) levels.push_back({"l2", info.l2_bytes, false});
  if (info.l3_bytes) levels.push_back({"l3", info.l3_bytes, true});
  levels.push_back({"dram", 0, true});
  return levels;
}

int64_t working_set(const MemoryLevel& level, int threads) {
  constexpr int64_t kLeast = int64_t(64) << 20, kSmallest = 16 << 10;
  if (level.capacity) return std::max(level.capacity / 2 / (level.shared ? threads : 1), kSmallest);
  int64_t largest = 0;
  for (const MemoryLevel& cache : memory_levels()) largest = std::max(largest, cache.capacity);
  return std::max(4 * largest, kLeast) / threads;
}

std::string level_of(int64_t bytes, int threads) {
  for (const MemoryLevel& level : memory_levels())
    if (bytes <= level.capacity * (level.shared ? 1 : threads)) return level.name;
  return "dram";
}

OrderedJson model_in_levels(const Checkpoint& checkpoint, const ModelOptions& options, int threads,
                            int64_t capacity) {
  const LoadOptions load = load_options(options);
  int64_t attention = 0, ffn = 0, head = 0, largest = 0;
  for (const TensorInfo& t : checkpoint.tensors()) {
    if (t.shape.rank < 2) continue;
    const int64_t cols = (t.cols() + kQuantBlock - 1) / kQuantBlock * kQuantBlock;
    const int64_t bytes = t.rows() * row_bytes(held_dtype(t, load), cols);
    largest = std::max(largest, bytes);
    if (t.name.rfind("model.layers.0.self_attn.", 0) == 0) attention += bytes;
    if (t.name.rfind("model.layers.0.mlp.", 0) == 0) ffn += bytes;
    if (t.name == "lm_head.weight" || (t.name == "model.embed_tokens.weight" && !head))
      head = bytes;
  }
  OrderedJson list = OrderedJson::array();
  const auto add = [&](const char* part, int64_t bytes) {
    list.push_back({{"part", part}, {"bytes", bytes}, {"level", level_of(bytes, threads)}});
  };
  const MemoryPlan plan = plan_memory(checkpoint.config(), weight_bytes(checkpoint, load),
                                      session_options(options, 1, capacity));
  add("attention matrices of a layer", attention);
  add("feed-forward matrices of a layer", ffn);
  add("largest matrix", largest);
  add("head", head);
  add("all weights", plan.weights);
  add("keys and values", plan.kv_cache);
  list.back()["positions"] = capacity;
  return list;
}

}  // namespace qwench::bench
