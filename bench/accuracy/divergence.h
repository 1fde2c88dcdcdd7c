// How far a candidate's next-token distributions are from the reference's, position by position,
// and the summary of a whole text. Rows are logits [vocab] of the same position.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "bench/accuracy/bootstrap.h"

namespace qwench::bench {

constexpr int32_t kNoNext = -1;  // the token that follows is unknown or not scored

/// One position. Nats; probabilities are fractions of 1.
struct PositionDivergence {
  double kl = 0;           // KL(reference || candidate) >= 0; infinite where only q is 0
  bool same_top1 = false;  // the first index of the largest logit is the same
  bool scored = false;     // the fields below hold something: the next token is known
  double nll_reference = 0, nll_candidate = 0;  // -ln p(next token), >= 0
  double delta_p = 0;                           // p_candidate(next) - p_reference(next)
};

/// Compares two rows of logits [vocab]; `next` is the true next token or kNoNext.
///
/// With d = candidate - reference logit, m = E_p[d] and x = d - m, KL = ln E_p[e^x] =
/// log1p(E_p[e^x - 1 - x]): a sum of terms that are never negative, so nothing cancels. A KL of
/// 1e-12 has as many right digits as one of 1 (relative error below 1e-12), and equal rows give
/// exactly 0. Where the differences span more than 600 nats, or a logit is -inf, the plain formula
/// sum p (ln p - ln q) is used; its error is absolute, about 1e-16 of the largest |logit|.
///
/// -inf is a token that cannot occur: p = 0 adds nothing whatever q is. Error on NaN, on +inf and
/// on a row of nothing but -inf. Thread-safe. Contract: vocab > 0, next < vocab.
PositionDivergence compare_rows(const float* reference, const float* candidate, int64_t vocab,
                                int32_t next);

/// First index of the largest of n > 0 values.
int64_t argmax(const float* values, int64_t n);

/// ln sum e^v over n values, in double; -inf for n == 0 or when all are -inf.
double log_sum_exp(const float* values, int64_t n);

/// e^x - 1 - x >= 0 for |x| <= 708, right to a few ulps also where x is tiny.
double exp_minus_1_minus(double x);

struct Percentile {
  double fraction = 0;  // 0.99
  double value = 0;
  int64_t beyond = 0;      // samples above its rank: what the figure rests on
  bool supported = false;  // n is at least ln 0.05 / ln fraction (29, 59, 299, 2995): with fewer,
                           // the samples may not hold one value beyond the true percentile
};

/// quantile() of ascending values, and what it rests on. Contract: as there.
Percentile percentile(const std::vector<double>& sorted, double fraction);

struct DivergenceSummary {
  int64_t count = 0;   // positions compared
  int64_t scored = 0;  // of these, positions whose next token is known
  double mean_kl = 0, max_kl = 0;
  std::optional<BootstrapInterval> kl_interval;  // of the mean, over documents; none with one
  double median_kl = 0;
  Percentile p90, p95, p99, p99_9;                   // of KL
  double top1 = 0;                                   // share of positions with the same top token
  double mean_delta_p = 0, rms_delta_p = 0;          // over scored positions, fractions of 1
  double reference_perplexity = 0, perplexity = 0;   // exp of the mean nll; 0 when none is scored
  double ln_ppl_ratio = 0;                           // mean(nll_candidate - nll_reference)
  std::optional<BootstrapInterval> ln_ppl_interval;  // over documents; none with a single document
};

/// Collects positions. Every KL is kept (8 bytes a position), so that percentiles are exact.
class Divergence {
 public:
  explicit Divergence(int64_t vocab) : vocab_(vocab) {}

  /// compare_rows() and keep the result. `document` is any id; equal ids are one cluster of the
  /// bootstrap.
  void add(const float* reference, const float* candidate, int32_t next, int64_t document);
  /// The same for a comparison made elsewhere (other threads, a reference file).
  void add(const PositionDivergence& position, int64_t document);

  int64_t count() const { return int64_t(kl_.size()); }
  /// In the order of add().
  const std::vector<double>& kl() const { return kl_; }
  /// Per document in the order of first appearance: sum of nll_candidate - nll_reference and the
  /// number of scored positions. The input of a paired bootstrap.
  const std::vector<ClusterSum>& documents() const { return documents_; }

  /// Contract: at least one position was added.
  DivergenceSummary summary(const BootstrapOptions& bootstrap = {}) const;

 private:
  int64_t vocab_;
  std::vector<double> kl_;
  int64_t same_top1_ = 0, scored_ = 0;
  double nll_reference_ = 0, nll_candidate_ = 0, delta_p_ = 0, delta_p_squared_ = 0;
  std::vector<ClusterSum> documents_, kl_of_documents_;
  std::map<int64_t, size_t> slots_;  // document id -> index into documents_
};

}  // namespace qwench::bench
