// What a kernel must get right before it is timed, besides the example that is timed: optional tensors there
// and missing, scalars that are not the usual ones, tokens of one sequence and of several, one row and eight;
// and the bits that it promises.
#pragma once
#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "bench/kernels/op_sizes.h"
#include "bench/model/backend_memory.h"
#include "bench/support/output.h"

namespace qwench::bench {

/// The outputs of an op, each as floats.
using Outputs = std::vector<std::vector<float>>;

/// How far outputs are from those of `reference`; all infinite where one is not finite.
struct Deviation {
  double max_abs = 0, max_ulp = 0;  // in units of the reference's last place
  double nmse = 0;                  // sum (a - b)^2 / sum b^2, of the worst output
};
Deviation deviation_of(const Outputs& got, const Outputs& expected);

/// The NMSE up to which an op's result is right.
double nmse_limit(OpId op, InputPrecision inputs, DType kv_dtype);

/// "NMSE 0.3, at most 1e-10"; "" within the limit.
std::string beyond(const Deviation& deviation, double limit);

struct TrialSizes {
  std::string what;  // "8 tokens with bias"
  OpSizes sizes;
};
/// Sizes that need every input of the op, from those that are timed.
std::vector<TrialSizes> trial_sizes(OpId op, const OpSizes& timed);

/// Runs the op; the coarsest rounding of inputs among the kernels that ran for it.
template <class Args>
InputPrecision run_watched(Backend& backend, const Args& args) {
  InputPrecision inputs = InputPrecision::kF32;
  const ObserverScope observe(backend, [&inputs](Backend&, const OpOutput& output) {
    inputs = std::max(inputs, output.inputs);
  });
  backend.run(args);
  return inputs;
}

/// False when the kernel that the policy forces refuses the args.
template <class Args>
bool takes(const Backend& backend, const Args& args) {
  try {
    backend.select(args);
    return true;
  } catch (const UsageError&) {
    return false;
  }
}

/// Args that can be run again and again from the same start.
template <class Args>
class Example {
 public:
  /// The backend must outlive it.
  Example(Backend& backend, const OpSizes& sizes, uint64_t seed)
      : backend_(backend), memory_(backend, seed), args_(example<Args>(sizes, memory_)) {
    for (TensorView* t : token_rows(args_)) save(*t);
    n_rows_ = saved_.size();
    for (const TensorView& t : qwench::outputs(args_)) save(t);
    order_ = as_made();
  }

  const Args& args() const { return args_; }
  int64_t n_tokens() const { return saved_.front().view.shape[0]; }
  bool guards_intact() const { return memory_.guards_intact(); }

  /// All that a run changes as it was made; token order[i] of it at place i.
  void restart(std::vector<int64_t> order) {
    order_ = std::move(order);
    for (size_t i = 0; i < saved_.size(); ++i) {
      const Saved& s = saved_[i];
      const int64_t row = s.view.bytes() / n_tokens();
      if (i >= n_rows_)
        backend_.upload(s.view.data, s.bytes.data(), s.view.bytes());
      else
        for (size_t t = 0; t < order_.size(); ++t)
          backend_.upload(static_cast<char*>(s.view.data) + int64_t(t) * row,
                          s.bytes.data() + order_[t] * row, row);
    }
  }
  void restart() { restart(as_made()); }

  /// The outputs with the tokens in their first order.
  Outputs outputs() const {
    Outputs all;
    for (const TensorView& t : qwench::outputs(args_)) {
      const std::vector<float> values = to_host(backend_, t);
      all.push_back(values);
      const auto row = int64_t(values.size() / order_.size());
      for (size_t i = 0; i < order_.size() && has_rows(t); ++i)
        std::copy_n(values.begin() + int64_t(i) * row, row, all.back().begin() + order_[i] * row);
    }
    return all;
  }

 private:
  struct Saved {
    TensorView view;
    std::vector<char> bytes;
  };
  void save(const TensorView& t) {
    if (!t) return;
    for (const Saved& s : saved_)
      if (s.view.data == t.data) return;
    saved_.push_back({t, std::vector<char>(size_t(t.bytes()))});
    backend_.download(saved_.back().bytes.data(), t.data, t.bytes());
  }
  bool has_rows(const TensorView& t) const {
    for (size_t i = 0; i < n_rows_; ++i)
      if (saved_[i].view.data == t.data) return true;
    return false;
  }

  std::vector<int64_t> as_made() const {
    std::vector<int64_t> order(size_t(n_tokens()), 0);
    std::iota(order.begin(), order.end(), int64_t(0));
    return order;
  }

  Backend& backend_;
  BackendMemory memory_;
  Args args_;
  std::vector<int64_t> order_;
  std::vector<Saved> saved_;  // those with a row for every token first
  size_t n_rows_ = 0;
};

/// "token 3", "the keys and values": where the outputs of an op differ, to the bit; "" where they are the same.
std::string first_difference(OpId op, const Outputs& a, const Outputs& b, int64_t n_tokens);

/// "promises the same bits for any rows and threads; those of token 3 differ on one thread".
std::string promise_broken(const std::string& where, const char* how);

/// How a kernel breaks the promise of the same bits for any number of rows and threads: alone, in another
/// order, on one thread (single; may be null). "" when it keeps it, as far as it takes the args.
template <class Args>
std::string broken_promise(Backend& backend, Backend* single, Example<Args>& e) {
  const int64_t n = e.n_tokens();
  e.restart();
  backend.run(e.args());
  const Outputs together = e.outputs();
  const auto difference = [&] { return first_difference(id_of<Args>(), together, e.outputs(), n); };
  if (takes(backend, part_of(e.args(), 0, 1))) {
    e.restart();
    for (int64_t t = 0; t < n; ++t) backend.run(part_of(e.args(), t, 1));
    const std::string where = difference();
    if (!where.empty()) return promise_broken(where, "where it is alone");
  }
  if (single) {
    e.restart();
    single->run(e.args());
    const std::string where = difference();
    if (!where.empty()) return promise_broken(where, "on one thread");
  }
  std::vector<int64_t> backwards(static_cast<size_t>(n));
  std::iota(backwards.rbegin(), backwards.rend(), int64_t(0));
  e.restart(backwards);
  backend.run(e.args());
  const std::string where = difference();
  return where.empty() ? "" : promise_broken(where, "in another order");
}

}  // namespace qwench::bench
