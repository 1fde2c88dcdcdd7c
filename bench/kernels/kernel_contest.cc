// One backend per kernel, so that each holds the weights in the layout its kernel reads. Rounds go
// through all kernels in turn: a machine that slows down slows all of them.
#include "bench/kernels/kernel_contest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "bench/model/backend_memory.h"
#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "cpu/cpu_backend.h"
#include "cpu/cpu_info.h"

namespace qwench::bench {

namespace {

constexpr int64_t kMinEpochNs = 200'000;       // clock resolution is below 0.1 % of it
constexpr int64_t kSleepsAfterNs = 2'000'000;  // waking matters to calls that are shorter than this
constexpr int64_t kMinRounds = 5, kMaxRounds = 1000;

std::unique_ptr<Backend> forced_backend(const std::string& choice, int threads,
                                        const std::vector<std::string>& plugins,
                                        const Backend* threads_of = nullptr) {
  cpu::CpuOptions options;
  options.threads = threads, options.threads_of = threads_of, options.plugins = plugins;
  if (!choice.empty()) options.policy.add(choice);
  return cpu::make_cpu_backend(options);
}

/// The names of an op's kernels, best first; then what the list does not name.
template <class Args>
std::vector<std::string> names_of(const Backend& backend) {
  std::vector<std::string> names;
  for (const Kernel<Args>& k : backend.kernels(Tag<Args>{})) names.emplace_back(k.name);
  if (!Args::kParts.empty()) names.emplace_back("composed"), names.emplace_back("reference");
  return names;
}

/// |a - b| in units of the last place of b; of the smallest normal number where b is smaller.
double ulps(float a, float b) {
  const float size = std::max(std::fabs(b), std::numeric_limits<float>::min());
  return std::fabs(double(a) - double(b)) / (double(std::nextafter(size, INFINITY)) - double(size));
}

/// Largest |a - b|, also in ulps, and sum (a-b)^2 / sum b^2; all infinite where a is not finite.
void compare(const std::vector<float>& a, const std::vector<float>& b, ContestRow& row) {
  double error = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = double(a[i]) - double(b[i]);
    if (!std::isfinite(difference)) {
      row.max_abs_error = row.max_ulp = row.nmse = INFINITY;
      return;
    }
    row.max_abs_error = std::max(row.max_abs_error, std::fabs(difference));
    row.max_ulp = std::max(row.max_ulp, ulps(a[i], b[i]));
    error += difference * difference, size += double(b[i]) * double(b[i]);
  }
  row.nmse = std::max(row.nmse, size > 0 ? error / size : (error > 0 ? INFINITY : 0));
}

/// fp32 sums in another order differ by eps x sqrt(n), so NMSE stays near 1e-13; fp16 storage may
/// round to the neighbour. Token ids are exact.
/// Rounding x to int8 errs by at most half a step d = max|x| / 127, with variance d^2 / 12 whatever
/// the weights. So NMSE is near max|x|^2 / (12 x 127^2 x mean x^2) = 3 / (12 x 127^2) = 1.6e-5 for the
/// uniform x of the examples, and twice that for a product of two such sums; the limit is eight times
/// the first, for a few outputs scatter. Steps of 7 bits are twice as wide. Rounding
/// to bf16 errs by at most 2^-8 of a number: the NMSE is below 2^-16 / 3, the limit four times that.
double nmse_limit(OpId op, const ContestRow& row, DType kv_dtype) {
  if (op == OpId::kArgmax || op == OpId::kEmbed) return 0;
  switch (row.inputs) {
    case InputPrecision::kInt8: return 8 * 3 / (12.0 * 127 * 127);
    case InputPrecision::kInt7: return 8 * 3 / (12.0 * 63 * 63);
    case InputPrecision::kBF16: return 4 * 0x1p-16 / 3;
    default: break;
  }
  const bool stores_kv = op == OpId::kKvStore || op == OpId::kQkNormRope;
  return stores_kv && kv_dtype == DType::kF16 ? 1e-7 : 1e-10;
}

/// One kernel taking part.
template <class Args>
class Contestant {
 public:
  Contestant(const std::string& kernel, const ContestSettings& settings,
             const Backend& threads_of) {
    row.kernel = kernel;
    // The oracle of a composed op is every op at its reference, which the policy calls "reference".
    const bool everything = kernel == "reference" && !Args::kParts.empty();
    backend_ =
        forced_backend(everything ? "reference" : std::string(name_of(Args::kId)) + "=" + kernel,
                       settings.threads, settings.plugins, &threads_of);
  }

  /// Makes the inputs, n_copies times the same. False when the kernel refuses them.
  bool prepare(const ContestSettings& settings, int64_t n_copies) {
    NoMemory question;  // nothing is imported for a kernel that refuses these sizes or types
    const Args args = example<Args>(settings.sizes, question);
    for (const Kernel<Args>& k : backend_->kernels(Tag<Args>{})) {
      if (k.name != row.kernel) continue;
      row.plugin = k.plugin;
      if (const char* reason = k.unsupported(args)) row.refusal = reason;
    }
    if (!row.refusal.empty()) return false;
    for (int64_t i = 0; i < n_copies; ++i) {
      memories_.push_back(std::make_unique<BackendMemory>(*backend_, settings.seed));
      copies_.push_back(example<Args>(settings.sizes, *memories_.back()));
    }
    row.cost = cost(copies_.front());
    return true;
  }

  /// The first call, untimed: its output is what is compared, before any in-place op repeats.
  void warm_up() {
    backend_->observers.push_back([this](Backend&, const OpOutput& output) {
      row.inputs = std::max(row.inputs, output.inputs);
    });
    const int64_t start = now_ns();
    backend_->run(copies_.front());
    first_ns_ = std::max<int64_t>(1, now_ns() - start);
    backend_->observers.clear();
    last_ = &copies_.front();
    inner_ = std::max<int64_t>(1, kMinEpochNs / first_ns_);
  }

  std::vector<std::vector<float>> output() {
    std::vector<std::vector<float>> values;
    for (const TensorView& t : outputs(*last_)) values.push_back(to_host(*backend_, t));
    return values;
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

  std::unique_ptr<Backend> backend_;  // first: outlives the memory
  std::vector<std::unique_ptr<BackendMemory>> memories_;
  std::vector<Args> copies_;
  const Args* last_ = nullptr;
  size_t next_ = 0;
  int64_t first_ns_ = 0, inner_ = 1, spent_ns_ = 0;
  std::vector<double> times_, control_;
};

/// Copies of the inputs that together exceed the last-level cache, as far as memory allows.
template <class Args>
int64_t copies_needed(const ContestSettings& settings, size_t n_kernels) {
  if (!settings.cold) return 1;
  constexpr int64_t kLeast = int64_t(64) << 20, kMost = int64_t(512) << 20;
  NoMemory none;
  const int64_t bytes = std::max<int64_t>(1, cost(example<Args>(settings.sizes, none)).bytes);
  int64_t ring = std::clamp(4 * cpu::cpu_info().l3_bytes, kLeast, kMost);
  ring = std::min(ring, cpu::available_memory_bytes() / (8 * int64_t(n_kernels)));
  return std::clamp<int64_t>((ring + bytes - 1) / bytes, 1, 256);
}

template <class Args>
void check(Contestant<Args>& c, const std::vector<std::vector<float>>& oracle, DType kv_dtype) {
  const std::vector<std::vector<float>> output = c.output();
  for (size_t i = 0; i < output.size(); ++i) compare(output[i], oracle[i], c.row);
  c.row.correct = c.row.nmse <= nmse_limit(Args::kId, c.row, kv_dtype);
}

template <class Args>
std::vector<std::vector<float>> oracle_output(const ContestSettings& settings,
                                              const Backend& threads_of) {
  Contestant<Args> oracle("reference", settings, threads_of);
  if (!oracle.prepare(settings, 1)) fail("reference: {}", oracle.row.refusal);
  oracle.warm_up();
  return oracle.output();
}

/// Speed against the baseline, whose second time of each round is the control.
std::optional<Paired> against(const std::vector<double>& baseline,
                              const std::vector<double>& control,
                              const std::vector<double>& times) {
  std::vector<double> ratios, noise;
  for (size_t i = 0; i < std::min(baseline.size(), times.size()); ++i)
    ratios.push_back(baseline[i] / times[i]);
  for (size_t i = 0; i < std::min(baseline.size(), control.size()); ++i)
    noise.push_back(baseline[i] / control[i]);
  if (ratios.empty()) return std::nullopt;
  return compare_paired(ratios, noise, {});
}

template <class Args>
using Contestants = std::vector<std::unique_ptr<Contestant<Args>>>;

/// Rounds in turns, every second one in the opposite order; the baseline goes twice.
template <class Args>
void time_all(const Contestants<Args>& all, const std::string& baseline, double seconds) {
  std::vector<Contestant<Args>*> order;
  for (const auto& c : all)
    if (c->row.refusal.empty() && c->row.correct) order.push_back(c.get());
  for (bool more = true; more && !interrupted(); std::reverse(order.begin(), order.end())) {
    more = false;
    for (Contestant<Args>* c : order) {
      if (!c->wants_round(seconds)) continue;
      c->take_round();
      if (c->row.kernel == baseline) c->take_control();
      more = true;
    }
  }
}

template <class Args>
std::vector<ContestRow> contest(const ContestSettings& settings) {
  const std::unique_ptr<Backend> threads = forced_backend("", settings.threads, settings.plugins);
  const std::vector<std::string> names = names_of<Args>(*threads);
  const std::vector<std::vector<float>> oracle = oracle_output<Args>(settings, *threads);
  const int64_t n_copies = copies_needed<Args>(settings, names.size());
  const DType kv_dtype = settings.sizes.kv_dtype;
  Contestants<Args> all;
  const Contestant<Args>* baseline = nullptr;
  for (const std::string& name : names) {
    all.push_back(std::make_unique<Contestant<Args>>(name, settings, *threads));
    Contestant<Args>& c = *all.back();
    if (name == settings.baseline) baseline = &c;
    if (!c.prepare(settings, n_copies)) continue;
    c.warm_up();
    check(c, oracle, kv_dtype);
  }
  time_all(all, settings.baseline, settings.seconds);
  std::vector<ContestRow> rows;
  for (const auto& c : all) {
    if (!c->times().empty()) {
      // The outputs of timed calls count too; an op that works in place has moved on by now.
      if (!in_place(Args::kId)) check(*c, oracle, kv_dtype);
      c->row.ns = summarize(c->times());
      if (baseline)
        c->row.against_baseline = against(baseline->times(), baseline->control(), c->times());
    }
    rows.push_back(c->row);
  }
  return rows;
}

}  // namespace

std::vector<std::string> kernel_names(OpId op, const std::vector<std::string>& plugins) {
  const std::unique_ptr<Backend> backend = forced_backend("", 1, plugins);
  std::vector<std::string> names;
  for_each_op([&](auto tag) {
    using Args = typename decltype(tag)::type;
    if (Args::kId == op) names = names_of<Args>(*backend);
  });
  return names;
}

std::vector<ContestRow> run_contest(OpId op, const ContestSettings& settings) {
  std::vector<ContestRow> rows;
  for_each_op([&](auto tag) {
    using Args = typename decltype(tag)::type;
    if (Args::kId == op) rows = contest<Args>(settings);
  });
  return rows;
}

}  // namespace qwench::bench
