// What follows from the fields of an op, for all ops alike.
#pragma once
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/ops/kv_view.h"
#include "engine/ops/op.h"
#include "engine/ops/rope.h"

namespace qwench {

/// f(use, field) for every field of type T (TensorView, WeightView, KvView, BlockList or Rotation), inputs first; also for those
/// that are missing.
template <class T, class Args, class F>
void for_each_field(Args& args, F&& f) {
  std::remove_const_t<Args>::fields(args, [&](Use use, auto& field) {
    if constexpr (std::is_same_v<std::remove_const_t<std::remove_reference_t<decltype(field)>>, T>)
      f(use, field);
  });
}

/// The tensors that the op writes, missing ones left out; keys and values page by page.
template <class Args>
std::vector<TensorView> outputs(const Args& args) {
  std::vector<TensorView> all;
  for_each_field<TensorView>(args, [&](Use use, const TensorView& t) {
    if (writes(use) && t) all.push_back(t);
  });
  for_each_field<KvView>(args, [&](Use use, const KvView& cache) {
    for (int64_t page = 0; writes(use) && page < cache.n_pages; ++page)
      all.push_back(cache.k_page(page)), all.push_back(cache.v_page(page));
  });
  return all;
}

/// The tensors that have a row for every token, inputs first; some may be missing.
template <class Args>
std::vector<TensorView*> token_rows(Args& args) {
  std::vector<TensorView*> rows;
  for_each_field<TensorView>(args, [&](Use use, TensorView& t) {
    if (has_rows_of_tokens(use)) rows.push_back(&t);
  });
  return rows;
}

/// The args of tokens [first, first + n) alone.
template <class Args>
Args part_of(Args args, int64_t first, int64_t n) {
  for (TensorView* t : token_rows(args)) {
    if (!*t) continue;
    t->data = static_cast<char*>(t->data) + first * (t->bytes() / t->shape[0]);
    t->shape.dim[0] = n;
  }
  return args;
}

/// The options that the args make use of.
template <class Args>
OptionSet options_of(const Args& args) {
  OptionSet used;
  for_each_field<WeightView>(args, [&](Use, const WeightView& w) {
    if (w.order) used.add(Option::kInputOrder);
  });
  for_each_field<BlockList>(args, [&](Use, const BlockList& list) {
    if (list) used.add(Option::kBlockList);
  });
  for_each_field<Rotation>(args, [&](Use, const Rotation& r) {
    if (r.axes) used.add(Option::kPositionAxes);
    if (r.tables) used.add(Option::kRopeTables);
  });
  return used;
}

/// True when a second run of the same args starts from what the first one left.
template <class Args>
bool in_place() {
  const Args args{};
  bool found = false;
  for_each_field<TensorView>(args,
                             [&](Use use, const TensorView&) { found |= use == Use::kUpdate; });
  return found;
}

/// True for ops whose weights or keys come from memory at every token; the others work on rows that the op
/// before left in the cache.
template <class Args>
bool streams_from_memory() {
  const Args args{};
  bool found = false;
  for_each_field<WeightView>(args,
                             [&](Use use, const WeightView&) { found |= use == Use::kWhole; });
  for_each_field<KvView>(args, [&](Use use, const KvView&) { found |= use == Use::kWhole; });
  return found;
}

}  // namespace qwench
