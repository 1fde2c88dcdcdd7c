// The finished cases of a sweep in a file, a line each, so that a sweep that was killed goes on where it
// was. A line is found again by what was measured and what with, not by its place.
#pragma once
#include <optional>

#include "bench/support/append_log.h"
#include "bench/sweep/options.h"
#include "bench/sweep/report.h"

namespace qwench::bench {

/// Which case of a sweep.
struct CaseKey {
  int threads = 0;
  int64_t depth = 0, batch = 0;
  Phase phase = Phase::kPrefill;
  int64_t n_tokens = 0;

  bool operator==(const CaseKey& o) const {
    return threads == o.threads && depth == o.depth && batch == o.batch && phase == o.phase &&
           n_tokens == o.n_tokens;
  }
};

/// Every case, in the order in which they are measured.
std::vector<CaseKey> cases_of(const Axes& axes);

/// "decode 64 tokens, batch 1, depth 0, 2 threads".
std::string label_of(const CaseKey& key);

class BenchSamples {
 public:
  /// `with`: what a sample depends on besides its case. With `resume` the samples of the file that were
  /// measured with the same are known. Error.
  BenchSamples(const std::string& path, OrderedJson with, bool resume);

  /// The case as the file has it, the newest one; nothing if it has none.
  std::optional<BenchRow> find(const CaseKey& key) const;
  /// Returns when it is on the disk.
  void append(const BenchReport& report, const BenchRow& row);

 private:
  OrderedJson with_;
  std::vector<std::pair<CaseKey, BenchRow>> known_;
  AppendLog file_;
};

/// What samples depend on: program, processor, weights (identity_json()), and the options that are no axis of
/// the sweep.
OrderedJson sample_conditions(const BenchOptions& options, const Axes& axes,
                              const OrderedJson& identity);

}  // namespace qwench::bench
