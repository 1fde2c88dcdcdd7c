// One pass over both rows.
#include "bench/accuracy/similarity.h"

#include <cmath>

#include "bench/support/output.h"

namespace qwench::bench {

void Similarity::add(const float* reference, const float* candidate, int64_t n) {
  double most = max_abs_error_, error = 0, r2 = 0, c2 = 0, rc = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double r = reference[i], c = candidate[i], e = std::fabs(c - r);
    // Written so that a NaN is kept: no later error is larger than it.
    most = e <= most || most != most ? most : e;
    error += e * e, r2 += r * r, c2 += c * c, rc += r * c;
  }
  count_ += n, max_abs_error_ = most;
  error_ += error, reference_ += r2, candidate_ += c2, product_ += rc;
}

double Similarity::rms_error() const { return count_ ? std::sqrt(error_ / double(count_)) : 0; }

double Similarity::cosine() const {
  const double norms = std::sqrt(reference_) * std::sqrt(candidate_);
  if (reference_ == 0 && candidate_ == 0) return 1;
  return norms == 0 ? 0 : product_ / norms;
}

double Similarity::relative_l2() const { return std::sqrt(nmse()); }

double Similarity::nmse() const { return error_ == 0 ? 0 : error_ / reference_; }

OrderedJson to_json(const Similarity& s) {
  return {{"max_abs_error", finite_or_null(s.max_abs_error())},
          {"rms_error", finite_or_null(s.rms_error())},
          {"cosine", finite_or_null(s.cosine())},
          {"relative_l2", finite_or_null(s.relative_l2())}};
}

}  // namespace qwench::bench
