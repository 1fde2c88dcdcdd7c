// Rows are read in blocks of a constant size, so that the compiler makes vector loops of them; see
// divergence.h for the formula.
#include "bench/accuracy/divergence.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "bench/accuracy/row_exp.h"
#include "bench/support/statistics.h"
#include "engine/base/check.h"
#include "engine/base/checked.h"

namespace qwench::bench {
namespace {

constexpr int64_t kBlock = 256;
constexpr size_t kLanes = 8;      // partial sums and maxima in flight
constexpr double kMaxSpan = 600;  // nats; e^600 times a row of 1e6 still is a double

using Block = std::array<double, size_t(kBlock)>;

double sum_of(const Block& values) {
  std::array<double, kLanes> part{};
  for (size_t i = 0; i < size_t(kBlock); i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane) part[lane] += values[i + lane];
  return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

/// What must be known of a row before it is worked on.
struct RowFacts {
  float max = -std::numeric_limits<float>::infinity();
  bool finite = true;
};

RowFacts scan(const float* row, int64_t n) {
  std::array<float, kLanes> most, zero{};
  most.fill(-std::numeric_limits<float>::infinity());
  const int64_t whole = n - n % int64_t(kLanes);
  for (int64_t i = 0; i < whole; i += int64_t(kLanes))
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float v = row[i + int64_t(lane)];
      most[lane] = v > most[lane] ? v : most[lane];
      zero[lane] += v * 0;  // NaN once a value was infinite or NaN
    }
  RowFacts facts;
  float zeros = 0;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    facts.max = std::max(facts.max, most[lane]);
    zeros += zero[lane];
  }
  for (int64_t i = whole; i < n; ++i) {
    facts.max = std::max(facts.max, row[i]);
    zeros += row[i] * 0;
  }
  facts.finite = zeros == 0;
  return facts;
}

/// -inf may stand in a row, as long as something else does too.
void require_distribution(const float* row, int64_t n, const RowFacts& facts, const char* whose) {
  if (facts.finite) return;
  for (int64_t i = 0; i < n; ++i)
    if (std::isnan(row[i]) || row[i] == std::numeric_limits<float>::infinity())
      fail("{} logits: expected finite numbers or -inf, got {} for token {}", whose, row[i], i);
  if (facts.max == -std::numeric_limits<float>::infinity())
    fail("{} logits: expected at least one finite number, got -inf for all {} tokens", whose, n);
}

/// max - min of candidate - reference.
double span_of_differences(const float* reference, const float* candidate, int64_t n) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::array<float, kLanes> most, least;
  most.fill(-kInfinity);
  least.fill(kInfinity);
  const auto take = [&](size_t lane, float d) {
    most[lane] = d > most[lane] ? d : most[lane];
    least[lane] = d < least[lane] ? d : least[lane];
  };
  const int64_t whole = n - n % int64_t(kLanes);
  for (int64_t i = 0; i < whole; i += int64_t(kLanes))
    for (size_t lane = 0; lane < kLanes; ++lane)
      take(lane, candidate[i + int64_t(lane)] - reference[i + int64_t(lane)]);
  for (int64_t i = whole; i < n; ++i) take(0, candidate[i] - reference[i]);
  return double(*std::max_element(most.begin(), most.end())) -
         double(*std::min_element(least.begin(), least.end()));
}

/// The block from index `first` on: the row itself, or its end filled up with `padding` in `copy`.
const float* block_of(const float* row, int64_t n, int64_t first, float padding,
                      std::array<float, size_t(kBlock)>& copy) {
  if (n - first >= kBlock) return row + first;
  copy.fill(padding);
  std::copy(row + first, row + n, copy.begin());
  return copy.data();
}

/// sum of e^(v - max); `weights`, if any, receives the terms, and zeros to the end of the block.
double sum_of_exps(const float* row, int64_t n, float max, double* weights) {
  double sum = 0;
  Block x;
  std::array<float, size_t(kBlock)> end;
  for (int64_t first = 0; first < n; first += kBlock) {
    const float* v = block_of(row, n, first, -std::numeric_limits<float>::infinity(), end);
    for (size_t i = 0; i < size_t(kBlock); ++i) {
      const double below = double(v[i]) - double(max);
      x[i] = row_exp(below > -kMaxExponent ? below : -kMaxExponent);
    }
    if (weights) std::copy(x.begin(), x.end(), weights + first);
    sum += sum_of(x);
  }
  if (weights) std::fill(weights + n, weights + round_up(n, kBlock), 0.0);
  return sum;
}

/// sum of weight * f(candidate - reference - shift). The padding repeats the last token, so that f
/// stays within its bounds; its weight is 0.
template <double (*kOf)(double)>
double weighted_sum(const float* reference, const float* candidate, int64_t n, double shift,
                    const double* weights) {
  double sum = 0;
  Block x;
  std::array<float, size_t(kBlock)> end_a, end_b;
  for (int64_t first = 0; first < n; first += kBlock) {
    const float* a = block_of(reference, n, first, reference[n - 1], end_a);
    const float* b = block_of(candidate, n, first, candidate[n - 1], end_b);
    for (size_t i = 0; i < size_t(kBlock); ++i)
      x[i] = kOf((double(b[i]) - double(a[i])) - shift) * weights[size_t(first) + i];
    sum += sum_of(x);
  }
  return sum;
}

double identity(double x) { return x; }

void set_scored(PositionDivergence& p, double nll_reference, double nll_candidate) {
  p.scored = true;
  p.nll_reference = std::max(0.0, nll_reference);
  p.nll_candidate = std::max(0.0, nll_candidate);
  p.delta_p = std::exp(-p.nll_candidate) - std::exp(-p.nll_reference);
}

/// Rows of finite logits whose differences lie within kMaxSpan.
void compare_near(const float* reference, const float* candidate, int64_t n, float max,
                  int32_t next, PositionDivergence& out) {
  thread_local std::vector<double> weights;  // kept: a row of 150,000 would be allocated each time
  weights.resize(size_t(round_up(n, kBlock)));
  const double total = sum_of_exps(reference, n, max, weights.data());
  const double mean = weighted_sum<identity>(reference, candidate, n, 0, weights.data()) / total;
  out.kl = std::log1p(
      weighted_sum<row_exp_minus_1_minus>(reference, candidate, n, mean, weights.data()) / total);
  if (next == kNoNext) return;
  // ln sum e^candidate - ln sum e^reference = mean + KL
  const double nll = (double(max) - double(reference[next])) + std::log(total);
  const double x = (double(candidate[next]) - double(reference[next])) - mean;
  set_scored(out, nll, nll - x + out.kl);
}

/// Any rows: sum p (ln p - ln q) as it stands.
void compare_far(const float* reference, const float* candidate, int64_t n, int32_t next,
                 PositionDivergence& out) {
  const double from = log_sum_exp(reference, n), to = log_sum_exp(candidate, n);
  double kl = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double log_p = double(reference[i]) - from, p = std::exp(log_p);
    if (p > 0) kl += p * (log_p - (double(candidate[i]) - to));
  }
  out.kl = std::max(0.0, kl);
  if (next != kNoNext)
    set_scored(out, from - double(reference[next]), to - double(candidate[next]));
}

}  // namespace

PositionDivergence compare_rows(const float* reference, const float* candidate, int64_t vocab,
                                int32_t next) {
  QWENCH_CHECK(vocab > 0 && next >= kNoNext && next < vocab);
  const RowFacts of_reference = scan(reference, vocab), of_candidate = scan(candidate, vocab);
  require_distribution(reference, vocab, of_reference, "reference");
  require_distribution(candidate, vocab, of_candidate, "candidate");
  PositionDivergence out;
  out.same_top1 = std::find(reference, reference + vocab, of_reference.max) - reference ==
                  std::find(candidate, candidate + vocab, of_candidate.max) - candidate;
  if (of_reference.finite && of_candidate.finite &&
      span_of_differences(reference, candidate, vocab) < kMaxSpan)
    compare_near(reference, candidate, vocab, of_reference.max, next, out);
  else
    compare_far(reference, candidate, vocab, next, out);
  return out;
}

int64_t argmax(const float* values, int64_t n) {
  QWENCH_CHECK(n > 0);
  return std::max_element(values, values + n) - values;
}

double log_sum_exp(const float* values, int64_t n) {
  const RowFacts facts = scan(values, n);
  if (facts.max == -std::numeric_limits<float>::infinity()) return facts.max;
  return facts.max + std::log(sum_of_exps(values, n, facts.max, nullptr));
}

double exp_minus_1_minus(double x) {
  QWENCH_CHECK(std::fabs(x) <= kMaxExponent);
  return row_exp_minus_1_minus(x);
}

Percentile percentile(const std::vector<double>& sorted, double fraction) {
  Percentile out;
  out.fraction = fraction;
  out.value = quantile(sorted, fraction);
  out.beyond = int64_t(sorted.size()) - 1 - int64_t(double(sorted.size() - 1) * fraction);
  out.supported = fraction < 1 && double(sorted.size()) >= std::log(0.05) / std::log(fraction);
  return out;
}

void Divergence::add(const float* reference, const float* candidate, int32_t next,
                     int64_t document) {
  add(compare_rows(reference, candidate, vocab_, next), document);
}

void Divergence::add(const PositionDivergence& p, int64_t document) {
  kl_.push_back(p.kl);
  same_top1_ += p.same_top1;
  const auto [slot, is_new] = slots_.try_emplace(document, documents_.size());
  if (is_new) documents_.emplace_back(), kl_of_documents_.emplace_back();
  kl_of_documents_[slot->second].sum += p.kl;
  ++kl_of_documents_[slot->second].count;
  if (!p.scored) return;
  ++scored_;
  nll_reference_ += p.nll_reference;
  nll_candidate_ += p.nll_candidate;
  delta_p_ += p.delta_p;
  delta_p_squared_ += p.delta_p * p.delta_p;
  documents_[slot->second].sum += p.nll_candidate - p.nll_reference;
  ++documents_[slot->second].count;
}

DivergenceSummary Divergence::summary(const BootstrapOptions& bootstrap) const {
  QWENCH_CHECK(!kl_.empty());
  std::vector<double> sorted = kl_;
  std::sort(sorted.begin(), sorted.end());
  DivergenceSummary s;
  s.count = count();
  s.scored = scored_;
  for (const double kl : sorted) s.mean_kl += kl;  // ascending: small ones are not lost
  s.mean_kl /= double(s.count);
  s.max_kl = sorted.back();
  if (std::isfinite(s.mean_kl)) s.kl_interval = bootstrap_ratio(kl_of_documents_, bootstrap);
  s.median_kl = quantile(sorted, 0.5);
  s.p90 = percentile(sorted, 0.9);
  s.p95 = percentile(sorted, 0.95);
  s.p99 = percentile(sorted, 0.99);
  s.p99_9 = percentile(sorted, 0.999);
  s.top1 = double(same_top1_) / double(s.count);
  if (scored_ == 0) return s;
  const double n = double(scored_);
  s.mean_delta_p = delta_p_ / n;
  s.rms_delta_p = std::sqrt(delta_p_squared_ / n);
  s.reference_perplexity = std::exp(nll_reference_ / n);
  s.perplexity = std::exp(nll_candidate_ / n);
  s.ln_ppl_ratio = (nll_candidate_ - nll_reference_) / n;
  if (std::isfinite(s.ln_ppl_ratio)) s.ln_ppl_interval = bootstrap_ratio(documents_, bootstrap);
  return s;
}

}  // namespace qwench::bench
