// Rows of `qwench kernels` as a table, as JSON and as CSV.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/kernels/kernel_contest.h"
#include "engine/backend/probes.h"

namespace qwench::bench {

struct KernelResult {
  OpSizes sizes;
  ContestRow row;
};

struct KernelReport {
  OpId op{};
  ContestSettings settings;  // what is the same for all rows
  OrderedJson config;        // the resolved options
  Ceilings roofline;
  std::vector<KernelResult> results;
  bool interrupted = false;

  bool any_wrong() const;
  bool any_failed() const;
};

/// 0-100 and more: the time that the ceilings allow as a part of the time taken, by the peak of the arithmetic
/// that the kernel does and, where inputs come from memory, by the read bandwidth. Nothing for a kernel that
/// was not timed, or has no ceiling.
std::optional<double> percent_of_roofline(const KernelReport& report, const ContestRow& row);

/// True when a kernel is faster than the ceilings: another program had the machine when they were measured.
bool above_ceilings(const KernelReport& report);

std::string report_text(const KernelReport& report);
OrderedJson report_json(const KernelReport& report);
std::string report_csv(const KernelReport& report);

}  // namespace qwench::bench
