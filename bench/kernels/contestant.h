// One kernel taking part in a contest: a backend of its own that forces it, its inputs, what is found wrong with
// it, its times.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "bench/kernels/kernel_contest.h"
#include "bench/kernels/kernel_trial.h"
#include "cpu/cpu_backend.h"

namespace qwench::bench {

/// A backend with a choice of the policy ("linear=eigen", "reference" or ""); on the threads of a team where one
/// is given.
std::unique_ptr<Backend> forced_backend(const std::string& choice, int threads,
                                        const std::vector<std::string>& plugins,
                                        std::shared_ptr<cpu::Team> team = nullptr);

template <class Args>
class Contestant {
 public:
  /// team: null for threads of its own.
  Contestant(const std::string& kernel, const ContestSettings& settings,
             const std::shared_ptr<cpu::Team>& team)
      : settings_(settings) {
    row.kernel = kernel;
    // The oracle of a composed op is every op at its reference, which the policy calls "reference".
    const bool everything = kernel == "reference" && kHasParts<Args>;
    choice_ = everything ? "reference" : std::string(Args::kName) + "=" + kernel;
    backend_ = forced_backend(choice_, settings.threads, settings.plugins, team);
    for (const Kernel<Args>& k : backend_->kernels(Tag<Args>{}))
      if (k.name == kernel) kernel_ = &k, row.plugin = k.plugin;
  }

  /// Makes the inputs, n_copies times the same. False when the kernel refuses them.
  bool prepare(int64_t n_copies) {
    NoMemory question;  // nothing is imported for a kernel that refuses these sizes or types
    const char* reason =
        kernel_ ? refusal(*kernel_, example<Args>(settings_.sizes, question)) : nullptr;
    if (reason) row.refusal = reason;
    if (reason) return false;
    for (int64_t i = 0; i < n_copies; ++i) {
      memories_.push_back(std::make_unique<BackendMemory>(*backend_, settings_.seed));
      copies_.push_back(example<Args>(settings_.sizes, *memories_.back()));
    }
    row.cost = cost(copies_.front());
    return true;
  }

  /// The first call, untimed: its output is what is compared, before any in-place op repeats.
  void warm_up() {
    const int64_t start = now_ns();
    row.inputs = run_watched(*backend_, copies_.front());
    first_ns_ = std::max<int64_t>(1, now_ns() - start);
    last_ = &copies_.front();
    inner_ = std::max<int64_t>(1, kMinEpochNs / first_ns_);
  }

  Outputs output() {
    Outputs values;
    for (const TensorView& t : outputs(*last_)) values.push_back(to_host(*backend_, t));
    return values;
  }

  /// The last call's output against the reference's.
  void check(const Outputs& expected) {
    const Deviation d = deviation_of(output(), expected);
    row.max_abs_error = std::max(row.max_abs_error, d.max_abs);
    row.max_ulp = std::max(row.max_ulp, d.max_ulp), row.nmse = std::max(row.nmse, d.nmse);
    row.nmse_limit = nmse_limit(id_of<Args>(), row.inputs, settings_.sizes.kv_dtype);
    if (row.wrong.empty()) row.wrong = beyond(d, row.nmse_limit);
    for (const auto& memory : memories_)
      if (row.wrong.empty() && !memory->guards_intact()) row.wrong = kWritesOutside;
  }

  /// Every trial that the kernel takes, and what it promises; the first fault ends it. Without `expected`
  /// (of each trial) they are only run.
  void try_out(const std::vector<Outputs>* expected) {
    if (row.kernel == "reference") return;
    if (row.wrong.empty()) row.wrong = broken_promise_of_example();
    const std::vector<TrialSizes> trials = trial_sizes(id_of<Args>(), settings_.sizes);
    for (size_t i = 0; i < trials.size() && row.wrong.empty(); ++i) {
      NoMemory question;
      if (!takes(*backend_, example<Args>(trials[i].sizes, question))) continue;
      Example<Args> e(*backend_, trials[i].sizes, settings_.seed);
      const InputPrecision inputs = run_watched(*backend_, e.args());
      if (expected) row.wrong = fault_in(e, trials[i], (*expected)[i], inputs);
      if (row.wrong.empty() && i == 0 && promises_bits())
        row.wrong = broken_promise(*backend_, single_thread(), e);
    }
  }

  bool wants_round(double seconds) const {
    const auto rounds = int64_t(times_.size());
    if (rounds == 0) return true;
    if (rounds >= kMaxRounds || spent_ns_ >= 4e9) return false;
    return rounds < kMinRounds ? spent_ns_ < 2e9 : double(spent_ns_) < seconds * 1e9;
  }

  void take_round() { times_.push_back(time_round(spent_ns_)); }
  /// The round once more, as a control.
  void take_control() {
    int64_t unused = 0;
    control_.push_back(time_round(unused));
  }

  const std::vector<double>& times() const { return times_; }
  const std::vector<double>& control() const { return control_; }
  ContestRow row;

 private:
  static constexpr int64_t kMinEpochNs = 200'000;       // clock resolution is below 0.1 % of it
  static constexpr int64_t kSleepsAfterNs = 2'000'000;  // waking matters to calls shorter than this
  static constexpr int64_t kMinRounds = 5, kMaxRounds = 1000;
  static constexpr const char* kWritesOutside = "writes outside its output";

  /// A composition promises what its parts do, and they are rows of their own ops.
  bool promises_bits() const { return kernel_ && kernel_->invariant; }

  std::string fault_in(const Example<Args>& e, const TrialSizes& trial, const Outputs& expected,
                       InputPrecision inputs) const {
    const double limit = nmse_limit(id_of<Args>(), inputs, trial.sizes.kv_dtype);
    const std::string wrong = beyond(deviation_of(e.outputs(), expected), limit);
    if (!wrong.empty()) return fmt::format("{} ({})", wrong, trial.what);
    return e.guards_intact() ? "" : kWritesOutside;
  }

  /// Some tokens of a larger example than the trials have, alone.
  std::string broken_promise_of_example() {
    constexpr int64_t kTokens = 8;
    const int64_t n = settings_.sizes.n_tokens;
    const Args& args = copies_.front();
    if (!promises_bits() || in_place<Args>() || n <= kTokens) return {};
    if (!takes(*backend_, part_of(args, 0, 1))) return {};
    const Outputs together = output();
    for (int64_t i = 0; i < kTokens; ++i)
      backend_->run(part_of(args, i * (n - 1) / (kTokens - 1), 1));
    const std::string where = first_difference(id_of<Args>(), together, output(), n);
    return where.empty() ? "" : promise_broken(where, "where it is alone");
  }

  /// The same kernel on one thread; null where there is no more anyway.
  Backend* single_thread() {
    if (settings_.threads == 1) return nullptr;
    if (!single_) single_ = forced_backend(choice_, 1, settings_.plugins);
    return single_.get();
  }

  /// Nanoseconds of a call in one round. An untimed call before it wakes threads that slept while
  /// others had their turn.
  double time_round(int64_t& spent_ns) {
    if (first_ns_ < kSleepsAfterNs) backend_->run(copies_[next_++ % copies_.size()]);
    const int64_t start = now_ns();
    for (int64_t i = 0; i < inner_; ++i) {
      last_ = &copies_[next_++ % copies_.size()];
      backend_->run(*last_);
    }
    const int64_t ns = now_ns() - start;
    spent_ns += ns;
    return double(ns) / double(inner_);
  }

  const ContestSettings& settings_;
  std::string choice_;                         // of the policy
  std::unique_ptr<Backend> backend_, single_;  // first: outlive the memory
  const Kernel<Args>* kernel_ = nullptr;       // of the backend's list; null: a composition
  std::vector<std::unique_ptr<BackendMemory>> memories_;
  std::vector<Args> copies_;
  const Args* last_ = nullptr;
  size_t next_ = 0;
  int64_t first_ns_ = 0, inner_ = 1, spent_ns_ = 0;
  std::vector<double> times_, control_;
};

}  // namespace qwench::bench
