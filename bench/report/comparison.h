// The figures of all configurations that may be compared: of one case of decoding and one of prefill,
// and of one text. What was measured of another case or text is missing here, with the reason.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/report/collected.h"

namespace qwench::bench::report {

struct Candidate {
  const Choice* choice = nullptr;
  std::string apart;  // why figures of other results are not in it; "": none are
  std::optional<double> decode, prefill;  // tokens/s, medians
  std::optional<double> first_token_ms, memory_bytes, weight_bytes;
  std::optional<double> kl, perplexity;
  // The worst of all texts: a limit holds over each of them.
  std::optional<double> worst_kl, worst_perplexity, worst_ratio;
  std::string worst_kl_over;                 // which text that was
  bool interrupted = false;                  // the run that `decode` is of
  bool timed_elsewhere = false;              // in decode, but not in the case that is compared
  const Measurement* decode_runs = nullptr;  // those that `decode` is the median of
  std::string no_decode, no_prefill, no_kl, no_perplexity;  // why figures are missing

  const std::string& name() const { return choice->name; }
  bool failed() const { return !choice->failures.empty(); }
};

struct Comparison {
  std::string decode_case, prefill_case, text;  // what is compared; "": nothing was measured
  std::vector<Candidate> candidates;            // one a choice, in their order
  const Collected* all = nullptr;
};

/// Borrows what was collected. The case that most configurations were timed in is compared (of equally
/// many the one that took turns, then the plainest), and the text that most were judged over.
Comparison compare_choices(const Collected& all);

/// True where `faster` was shown to be it: by the verdict of turns, else by intervals that do not meet,
/// and of separate runs by more than a configuration differs from itself in them. A run that was
/// interrupted does not rank against one that was not.
bool separated(const Measurement& faster, const Measurement& slower, const Collected& all);

}  // namespace qwench::bench::report
