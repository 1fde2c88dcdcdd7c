// What a session is made with, and the memory that it will take.
#pragma once
#include <algorithm>

#include "engine/base/check.h"
#include "engine/model/kv_pool.h"

namespace qwench {

struct SessionOptions {
  int64_t n_seq = 1;
  int64_t capacity = 0;  // slots per sequence; rounded up to whole pages
  KvDType kv;
  int64_t n_pages = 0;              // of all sequences together; 0: enough for each to be full
  int64_t prefill_chunk = 512;      // tokens per pass
  int64_t logit_rows = 0;           // logits that a step leaves at most; 0: one per sequence
  CancelCheck cancelled = nullptr;  // asked before every pass

  int64_t most_tokens() const { return std::max(prefill_chunk, n_seq); }  // of a pass
  int64_t most_logits() const { return std::max(logit_rows, n_seq); }
  int64_t most_pages() const;
};

/// Bytes. Activations include the host's copy of the logits.
struct MemoryPlan {
  int64_t weights = 0, kv_cache = 0, activations = 0;
  int64_t total() const { return weights + kv_cache + activations; }
};
/// `weights`: bytes, as weight_bytes() has them.
MemoryPlan plan_memory(const ModelConfig& config, int64_t weights, const SessionOptions& options);

/// Error with the bytes needed, the bytes there are and the largest context that fits, when the
/// plan exceeds `available` bytes.
void require_memory(const ModelConfig& config, int64_t weights, const SessionOptions& options,
                    int64_t available);

}  // namespace qwench
