// Flips of a paired comparison are fair coins where nothing differs.
#include "bench/tasks/significance.h"

#include <algorithm>
#include <cmath>

#include "bench/support/statistics.h"

namespace qwench::bench {

double Accuracy::standard_error() const { return std::sqrt(value() * (1 - value()) / double(n)); }

Accuracy accuracy_of(const Marks& marks) {
  return {int64_t(marks.size()), int64_t(std::count(marks.begin(), marks.end(), true))};
}

double PairedTest::p_value() const {
  return std::min(1.0, 2 * coins_at_most(flips(), std::min(only_reference, only_candidate)));
}

int64_t PairedTest::items_for_one_percent() const {
  constexpr double kZ = 1.959963984540054 + 0.8416212335729143;
  return int64_t(std::ceil(kZ * kZ * flip_rate() / (0.01 * 0.01)));
}

PairedTest paired_test(const Marks& reference, const Marks& candidate) {
  PairedTest test;
  const size_t n = std::min(reference.size(), candidate.size());
  test.n = int64_t(n);
  for (size_t i = 0; i < n; ++i) {
    test.only_reference += int64_t(reference[i] && !candidate[i]);
    test.only_candidate += int64_t(!reference[i] && candidate[i]);
  }
  return test;
}

OrderedJson to_json(const PairedTest& t) {
  if (t.n == 0) return nullptr;
  OrderedJson needed = nullptr;
  if (t.flips()) needed = t.items_for_one_percent();
  return {{"n", t.n},
          {"only_reference", t.only_reference},
          {"only_candidate", t.only_candidate},
          {"flips", t.flips()},
          {"flip_rate", t.flip_rate()},
          {"p_value", t.p_value()},
          {"items_for_one_percent", needed}};
}

}  // namespace qwench::bench
