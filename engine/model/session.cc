// Sequences in a shared forward pass: what goes in, what is kept, what is refused.
#include "engine/model/session.h"

#include <algorithm>

#include "engine/base/checked.h"
#include "engine/base/format_bytes.h"

namespace qwench {

namespace {

int64_t tokens_per_pass(const SessionOptions& o) { return std::max(o.prefill_chunk, o.n_seq); }
int64_t logit_rows(const SessionOptions& o) { return std::max(o.logit_rows, o.n_seq); }

}  // namespace

MemoryPlan plan_memory(const ModelConfig& config, int64_t weights, const SessionOptions& options) {
  MemoryPlan plan;
  plan.weights = weights;
  plan.kv_cache = KvCache::bytes(config, options.n_seq, options.capacity, options.kv_dtype);
  const int64_t rope =
      checked_mul(round_up(options.capacity, kKvBlock), config.head_dim * 4, "RoPE");
  const int64_t tables =
      checked_add(rope, KvCache::table_bytes(options.n_seq, options.capacity), "activations");
  const int64_t host_logits = checked_mul(logit_rows(options) * 4, config.vocab, "logits");
  plan.activations =
      checked_add(Activations::bytes(config, tokens_per_pass(options), logit_rows(options)),
                  checked_add(tables, host_logits, "activations"), "activations");
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

Session::Session(const Model& model, const SessionOptions& options)
    : model_(model),
      capacity_(options.capacity),
      cache_(*model.backend, model.config, options.n_seq, options.capacity, options.kv_dtype),
      act_(*model.backend, model.config, tokens_per_pass(options), logit_rows(options)),
      rope_(*model.backend, model.config, round_up(options.capacity, kKvBlock)),
      lengths_(size_t(options.n_seq), 0),
      logit_rows_(logit_rows(options)),
      prefill_chunk_(options.prefill_chunk),
      cancelled_(options.cancelled),
      layer_hooks_(model.layer_hooks) {
  QWENCH_CHECK(options.n_seq > 0 && options.capacity > 0 && options.prefill_chunk > 0);
  host_tokens_.resize(size_t(act_.max_tokens));
  host_slots_.resize(size_t(act_.max_tokens));
  host_sequences_.resize(size_t(act_.max_tokens));
  host_logits_.resize(size_t(logit_rows_ * model.config.vocab));
}

void Session::require_tokens(const int32_t* tokens, int64_t n) const {
  for (int64_t i = 0; i < n; ++i)
    if (tokens[i] < 0 || tokens[i] >= model_.config.vocab)
      fail_usage("token id {}: expected 0 to {} (vocabulary of the model)", tokens[i],
                 model_.config.vocab - 1);
}

void Session::require_room(int64_t seq, int64_t n) const {
  const int64_t length = lengths_[size_t(seq)];
  if (n > capacity_ - length)
    fail("context: {} tokens held and {} more do not fit into {} positions; raise --ctx", length, n,
         capacity_);
}

void Session::forward(Phase phase, int64_t n_tokens, int64_t first_logit) {
  throw_if(cancelled_);
  Backend& backend = *model_.backend;
  const int64_t bytes = n_tokens * int64_t(sizeof(int32_t));
  backend.upload(act_.tokens.data, host_tokens_.data(), bytes);
  backend.upload(act_.slots.data, host_slots_.data(), bytes);
  backend.upload(act_.positions.data, host_slots_.data(), bytes);  // of text the same numbers
  backend.upload(act_.sequences.data, host_sequences_.data(), bytes);
  int64_t n_scores = 0, n_keys = 0;
  for (int64_t i = 0; i < n_tokens; ++i) {
    n_scores += host_slots_[size_t(i)] + 1;
    const bool last =
        i + 1 == n_tokens || host_sequences_[size_t(i + 1)] != host_sequences_[size_t(i)];
    if (last) n_keys += host_slots_[size_t(i)] + 1;  // the tokens of a sequence stand together
  }
  backend.begin(phase);
  qwench::forward(backend, {model_.config, model_.weights, cache_, rope_, act_, n_tokens, n_scores,
                            n_keys, first_logit, layer_hooks_.empty() ? nullptr : &layer_hooks_});
  backend.end();
  const int64_t n_logits = n_tokens - first_logit;
  if (n_logits == 0) return;
  const TensorView logits = act_.logits.slice(0, n_logits);
  n_logits_ = n_logits;
  on_host_ = false;
  if (const int64_t bad = backend.count_nonfinite(logits))
    throw NonfiniteError(fmt::format(
        "nonfinite: expected finite logits, got {} NaN or Inf; --check-finite names the "
        "first op that made it",
        bad));
}

void Session::prefill(int64_t seq, const int32_t* tokens, int64_t n, const OnLogits* on_logits) {
  QWENCH_CHECK(seq >= 0 && seq < n_seq() && n > 0);
  require_tokens(tokens, n);
  require_room(seq, n);
  const int64_t chunk = on_logits ? std::min(prefill_chunk_, logit_rows_) : prefill_chunk_;
  int64_t& length = lengths_[size_t(seq)];
  for (int64_t first = 0; first < n; first += chunk) {
    const int64_t count = std::min(chunk, n - first);
    for (int64_t i = 0; i < count; ++i) {
      host_tokens_[size_t(i)] = tokens[first + i];
      host_slots_[size_t(i)] = int32_t(length + i);
      host_sequences_[size_t(i)] = int32_t(seq);
    }
    const bool last = first + count == n;
    forward(Phase::kPrefill, count, on_logits ? 0 : last ? count - 1 : count);
    length += count;
    if (on_logits) (*on_logits)(first, count, logits(0));
    if (on_logits && last && count > 1) move_logits_to_front(count - 1);
  }
}

void Session::move_logits_to_front(int64_t row) {
  const int64_t bytes = model_.config.vocab * int64_t(sizeof(float));
  model_.backend->upload(act_.logits.data, logits(row), bytes);
  n_logits_ = 1;
  on_host_ = false;
}

void Session::decode(const int32_t* tokens) {
  require_tokens(tokens, n_seq());
  for (int64_t seq = 0; seq < n_seq(); ++seq) {
    require_room(seq, 1);
    host_tokens_[size_t(seq)] = tokens[seq];
    host_slots_[size_t(seq)] = int32_t(lengths_[size_t(seq)]);
    host_sequences_[size_t(seq)] = int32_t(seq);
  }
  forward(Phase::kDecode, n_seq(), 0);
  for (int64_t& length : lengths_) ++length;
}

const float* Session::logits(int64_t row) const {
  QWENCH_CHECK(row >= 0 && row < n_logits_);
  if (!on_host_) {
    const TensorView rows = act_.logits.slice(0, n_logits_);
    model_.backend->download(host_logits_.data(), rows.data, rows.bytes());
    on_host_ = true;
  }
  return host_logits_.data() + row * model_.config.vocab;
}

int32_t Session::argmax(int64_t row, int64_t limit) {
  const TensorView id{act_.ids.data, DType::kI32, {1}};
  model_.backend->run(ArgmaxArgs{act_.logits.slice(row, 1), id, limit});
  int32_t token = 0;
  model_.backend->download(&token, id.data, sizeof token);
  return token;
}

void Session::truncate(int64_t seq, int64_t n) {
  QWENCH_CHECK(n >= 0 && n <= length(seq));
  lengths_[size_t(seq)] = n;
}

void Session::copy_prefix(int64_t from, int64_t to, int64_t n) {
  QWENCH_CHECK(n >= 0 && n <= length(from));
  cache_.copy_prefix(*model_.backend, from, to, n);
  lengths_[size_t(to)] = n;
}

}  // namespace qwench
