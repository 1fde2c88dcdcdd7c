// A step of a session: pages first, then as many passes as its tokens take, then what has run is kept.
#include <algorithm>

#include "engine/model/session.h"

namespace qwench {

const std::vector<ItemResult>& Session::step(const StepItem* items, int64_t n) {
  bool decode = true;
  for (int64_t i = 0; i < n; ++i) decode &= items[i].n == 1;
  run(decode ? Phase::kDecode : Phase::kPrefill, items, n);
  return results_;
}

/// Refuses what is to be refused, before anything changes; rows of logits that the items ask for.
int64_t Session::check(const StepItem* items, int64_t n) {
  QWENCH_CHECK(n > 0 && n <= n_seq());
  int64_t n_logits = 0;
  ++n_steps_;
  for (int64_t i = 0; i < n; ++i) {
    const StepItem& item = items[i];
    QWENCH_CHECK(item.sequence >= 0 && item.sequence < n_seq() && item.n > 0);
    QWENCH_CHECK(item.tokens || (item.x.rows() == item.n && item.x.cols() == model_.config.dim));
    int64_t& step = step_of_[size_t(item.sequence)];
    QWENCH_CHECK(step != n_steps_ && "a sequence takes part once");
    step = n_steps_;
    n_logits += item.n_logits();
    for (int64_t t = 0; item.tokens && t < item.n; ++t)
      if (item.tokens[t] < 0 || item.tokens[t] >= model_.config.vocab)
        fail_usage("token id {}: expected 0 to {} (vocabulary of the model)", item.tokens[t],
                   model_.config.vocab - 1);
    if (item.n > capacity() - length(item.sequence))
      fail("context: {} tokens held and {} more do not fit into {} positions; raise --ctx",
           length(item.sequence), item.n, capacity());
  }
  return n_logits;
}

void Session::run(Phase phase, const StepItem* items, int64_t n) {
  QWENCH_CHECK(check(items, n) <= options_.most_logits());
  items_ = items;
  results_.assign(size_t(n), {}), done_.assign(size_t(n), 0);
  item_of_.clear();
  n_logits_ = front_ = 0, on_host_ = false;
  reserve_pages();
  try {
    run_passes(phase);
  } catch (const Cancelled&) {
    n_logits_ = 0;
    keep_what_ran();
    throw;
  } catch (...) {
    if (model_.backend->in_step()) model_.backend->cancel();
    n_logits_ = 0, done_.assign(size_t(n), 0);
    keep_what_ran();
    throw;
  }
  keep_what_ran();
}

void Session::reserve_pages() {
  for (size_t i = 0; i < results_.size(); ++i) {
    const int64_t seq = items_[i].sequence;
    SequenceState& state = states_[size_t(seq)];
    if (!state.reserve(items_[i].n)) results_[i].end = ItemEnd::kNoPage;
    if (versions_[size_t(seq)] == state.version()) continue;
    versions_[size_t(seq)] = state.version();
    model_.backend->upload(page_table_.row<int32_t>(seq), state.pages().data(),
                           int64_t(state.pages().size() * sizeof(int32_t)));
  }
}

/// Passes are filled with the items in their order, a long one over several of them.
void Session::run_passes(Phase phase) {
  const int64_t most = phase == Phase::kDecode ? options_.most_tokens() : options_.prefill_chunk;
  int64_t room = most;
  pieces_.clear();
  for (size_t i = 0; i < results_.size(); ++i)
    for (int64_t first = 0; first < items_[i].n && results_[i].end == ItemEnd::kDone;) {
      const int64_t n = std::min(items_[i].n - first, room);
      pieces_.push_back({i, first, n});
      first += n, room -= n;
      if (room) continue;
      run_pass(phase);
      pieces_.clear(), room = most;
    }
  if (!pieces_.empty()) run_pass(phase);
}

void Session::run_pass(Phase phase) {
  throw_if(options_.cancelled);
  Backend& backend = *model_.backend;
  const Transformer model(backend, model_.config, model_.weights);
  backend.begin(phase);
  const Pass pass = upload_rows();
  embed(model);
  model.layers(pass, 0, model_.config.n_layers);
  const int64_t n = head(model);
  backend.end();
  take_choices(n);
  for (const Piece& piece : pieces_) done_[piece.item] = piece.first + piece.n;
}

/// Tokens, slots and sequences of the pieces, one after another.
Pass Session::upload_rows() {
  Backend& backend = *model_.backend;
  Pass pass{act_, rope_, pool_, page_table_};
  pass.hooks = layer_hooks_.empty() ? nullptr : &layer_hooks_;
  for (const Piece& piece : pieces_) {
    const StepItem& item = items_[piece.item];
    const int64_t slot = length(item.sequence) + piece.first;
    for (int64_t i = 0; i < piece.n; ++i, ++pass.n_tokens) {
      host_tokens_[size_t(pass.n_tokens)] = item.tokens ? item.tokens[piece.first + i] : 0;
      host_slots_[size_t(pass.n_tokens)] = int32_t(slot + i);
      host_sequences_[size_t(pass.n_tokens)] = int32_t(item.sequence);
      pass.n_scores += slot + i + 1;
    }
    pass.n_keys += slot + piece.n;
  }
  const int64_t bytes = pass.n_tokens * int64_t(sizeof(int32_t));
  backend.upload(act_.tokens.data, host_tokens_.data(), bytes);
  backend.upload(act_.slots.data, host_slots_.data(), bytes);
  backend.upload(act_.positions.data, host_slots_.data(), bytes);  // of text the same numbers
  backend.upload(act_.sequences.data, host_sequences_.data(), bytes);
  return pass;
}

/// x of the pass: rows of the embedding, in one op where all are tokens, and rows that items bring.
void Session::embed(const Transformer& model) const {
  int64_t row = 0, first = 0;  // tokens from row `first` on are not embedded yet
  const auto embed_up_to = [&](int64_t end) {
    if (end > first)
      model.embed({act_.tokens.row<int32_t>(0) + first, DType::kI32, {end - first}},
                  act_.x.slice(first, end - first));
  };
  for (const Piece& piece : pieces_) {
    const StepItem& item = items_[piece.item];
    if (!item.tokens) {
      embed_up_to(row);
      const TensorView from = item.x.slice(piece.first, piece.n);
      model_.backend->copy(act_.x.slice(row, piece.n).data, from.data, from.bytes());
      first = row + piece.n;
    }
    row += piece.n;
  }
  embed_up_to(row);
}

/// Logits, arg max and number of non-finite ones of the rows that want them; how many rows those are.
int64_t Session::head(const Transformer& model) {
  logit_rows_.clear();
  int64_t row = 0;
  for (const Piece& piece : pieces_) {
    ItemResult& result = results_[piece.item];
    if (piece.first == 0) result.first_row = int64_t(item_of_.size());
    items_[piece.item].for_each_logits(piece.first, piece.n, [&](int64_t i) {
      logit_rows_.push_back(row + i - piece.first);
      item_of_.push_back(piece.item);
      ++result.n_rows;
    });
    row += piece.n;
  }
  const int64_t n = int64_t(logit_rows_.size());
  if (n == 0) return 0;
  Backend& backend = *model_.backend;
  int64_t first = logit_rows_.front();
  if (logit_rows_.back() - first != n - 1) {  // not neighbours: they move to the front, each up
    for (int64_t i = 0; i < n; ++i)
      backend.copy(act_.x.slice(i, 1).data, act_.x.slice(logit_rows_[size_t(i)], 1).data,
                   act_.x.slice(0, 1).bytes());
    first = 0;
  }
  const TensorView logits = act_.logits.slice(n_logits_, n);
  model.head(act_.x.slice(first, n), act_.normed.slice(first, n), logits);
  backend.run(ArgmaxArgs{logits,
                         {act_.ids.as<int32_t>() + n_logits_, DType::kI32, {n}},
                         {act_.nonfinite.as<int32_t>() + n_logits_, DType::kI32, {n}},
                         logits.cols()});
  return n;
}

/// What the arg max of the pass's n rows of logits found.
void Session::take_choices(int64_t n) {
  if (n == 0) return;
  Backend& backend = *model_.backend;
  const int64_t bytes = n * int64_t(sizeof(int32_t));
  backend.download(&choices_[size_t(n_logits_)], act_.ids.as<int32_t>() + n_logits_, bytes);
  backend.download(&nonfinite_[size_t(n_logits_)], act_.nonfinite.as<int32_t>() + n_logits_, bytes);
  for (int64_t row = n_logits_; row < n_logits_ + n; ++row)
    if (nonfinite_[size_t(row)]) results_[item_of_[size_t(row)]].end = ItemEnd::kNonfinite;
  n_logits_ += n;
}

/// Tokens that passes have run become a part of their sequences; pages that were reserved for others go back.
void Session::keep_what_ran() {
  for (size_t i = 0; i < results_.size(); ++i) {
    SequenceState& state = states_[size_t(items_[i].sequence)];
    if (results_[i].end == ItemEnd::kDone) state.append(items_[i].tokens, done_[i]);
    state.trim();
  }
}

}  // namespace qwench
