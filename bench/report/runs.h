// Speeds of separate runs: the machine may have changed between them. A configuration that two runs
// timed is the control that shows by how much.
#pragma once
#include <algorithm>
#include <iterator>

#include "bench/report/collected.h"

namespace qwench::bench::report {

/// Those that were not interrupted; all of them where every one was.
template <class T, class Early>
std::vector<T> taking_part(const std::vector<T>& list, const Early& is_early) {
  std::vector<T> whole;
  std::copy_if(list.begin(), list.end(), std::back_inserter(whole),
               [&](const T& one) { return !is_early(one); });
  return whole.empty() ? list : whole;
}

std::vector<Drift> find_drifts(const Collected& all);

/// How far one configuration differs from itself in the runs of the two measurements; 1 in one run, and
/// where no control shows a difference.
double noise_between(const Measurement& a, const Measurement& b, const Collected& all);

/// "a [b.json] and base [a.json] are the same configuration, yet ... 95 % apart: the machine changed".
std::string sentence_of(const Drift& drift, const Collected& all);

/// Where the figures are from several runs, that they are, and what that leaves open; "" else.
std::string caveat_of_runs(const std::vector<const Measurement*>& measured, const Collected& all);

}  // namespace qwench::bench::report
