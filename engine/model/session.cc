// What a session allocates, and its two usual steps.
#include "engine/model/session.h"

#include <algorithm>

#include "engine/base/checked.h"
#include "engine/model/state_file.h"

namespace qwench {

Session::Session(const Model& model, const SessionOptions& options)
    : model_(model),
      options_(options),
      pool_(*model.backend, kv_shapes(model.config, options.kv), options.most_pages()),
      act_(*model.backend, model.config, options.most_tokens(), options.most_logits()),
      rope_(*model.backend, model.config, round_up(options.capacity, kKvBlock)),
      versions_(size_t(options.n_seq), 0),
      step_of_(size_t(options.n_seq), 0),
      layer_hooks_(model.layer_hooks) {
  QWENCH_CHECK(options.n_seq > 0 && options.capacity > 0 && options.prefill_chunk > 0);
  page_table_ = {nullptr, DType::kI32, {options.n_seq, kv_pages(options.capacity)}};
  table_ = model.backend->allocate(page_table_.bytes(), MemoryKind::kActivations);
  page_table_.data = table_.data();
  const size_t n_seq = size_t(options.n_seq), n_logits = size_t(options.most_logits());
  states_.reserve(n_seq);
  for (size_t seq = 0; seq < n_seq; ++seq) states_.emplace_back(pool_, options.capacity);
  own_items_.reserve(n_seq), results_.reserve(n_seq), done_.reserve(n_seq);
  pieces_.reserve(n_seq), logit_rows_.reserve(n_logits), item_of_.reserve(n_logits);
  for (auto* rows : {&host_tokens_, &host_slots_, &host_sequences_})
    rows->resize(size_t(act_.max_tokens));
  choices_.resize(n_logits), nonfinite_.resize(n_logits);
  host_logits_.resize(n_logits * size_t(model.config.vocab));
}

void Session::prefill(int64_t seq, const int32_t* tokens, int64_t n, const OnLogits* on_logits) {
  const StepItem whole{seq, tokens, n, on_logits ? WantLogits::kAll : WantLogits::kLast};
  if (on_logits) check(&whole, 1);  // else its one step does
  const int64_t most = on_logits ? std::min(options_.prefill_chunk, options_.most_logits()) : n;
  for (int64_t first = 0; first < n; first += most) {
    own_items_.assign(1, {seq, tokens + first, std::min(most, n - first), whole.logits});
    run(Phase::kPrefill, own_items_.data(), 1);
    require_done();
    if (on_logits) (*on_logits)(first, n_logits_, logits(0));
  }
  front_ = n_logits_ - 1;
}

void Session::decode(const int32_t* tokens) {
  own_items_.clear();
  for (int64_t seq = 0; seq < n_seq(); ++seq) own_items_.push_back({seq, tokens + seq, 1});
  run(Phase::kDecode, own_items_.data(), n_seq());
  require_done();
}

/// Error where an item of a step that was wanted whole failed.
void Session::require_done() const {
  for (size_t i = 0; i < results_.size(); ++i) {
    if (results_[i].end == ItemEnd::kNonfinite) {
      int64_t bad = 0;
      for (int64_t row = 0; row < n_logits_; ++row) bad += nonfinite_[size_t(row)];
      throw NonfiniteError(fmt::format(
          "nonfinite: expected finite logits, got {} NaN or Inf; --check-finite names the first op "
          "that made it",
          bad));
    }
    if (results_[i].end == ItemEnd::kNoPage)
      fail("KV cache: expected pages for {} more tokens of sequence {}, got {} free ones of {}",
           items_[i].n, items_[i].sequence, pool_.n_free(), pool_.n_pages());
  }
}

const float* Session::logits(int64_t row) const {
  QWENCH_CHECK(row >= 0 && front_ + row < n_logits_);
  if (!on_host_) {
    const TensorView rows = act_.logits.slice(0, n_logits_);
    model_.backend->download(host_logits_.data(), rows.data, rows.bytes());
    on_host_ = true;
  }
  return host_logits_.data() + (front_ + row) * model_.config.vocab;
}

int32_t Session::argmax(int64_t row, int64_t limit) {
  QWENCH_CHECK(row >= 0 && front_ + row < n_logits_);
  const int32_t choice = choices_[size_t(front_ + row)];
  if (choice < limit) return choice;  // the largest of all: of those below the limit too
  const auto one = [&](const TensorView& t) {
    return TensorView{t.as<int32_t>() + front_ + row, DType::kI32, {1}};
  };
  const TensorView id = one(act_.ids);
  model_.backend->run(
      ArgmaxArgs{act_.logits.slice(front_ + row, 1), id, one(act_.nonfinite), limit});
  int32_t below = 0;
  model_.backend->download(&below, id.data, sizeof below);
  return below;
}

void Session::save(int64_t seq, const std::string& path) const {
  save_state(path, *model_.backend, state_facts(model_, pool_), pool_, states_[size_t(seq)]);
}

void Session::load(int64_t seq, const std::string& path) {
  load_state(path, *model_.backend, state_facts(model_, pool_), model_.config.vocab, pool_,
             states_[size_t(seq)]);
}

}  // namespace qwench
