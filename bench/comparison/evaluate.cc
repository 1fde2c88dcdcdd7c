// From turns to figures: ratios of rounds, and speeds.
#include <algorithm>

#include "bench/comparison/comparison_report.h"

namespace qwench::bench {

namespace {

/// Time of an op in a turn; of the whole turn for "". 0 where the op did not run.
double ns_of(const Turn& turn, std::string_view op) {
  if (op.empty()) return turn.ns;
  const auto at = turn.op_ns.find(op);
  return at == turn.op_ns.end() ? 0 : at->second;
}

/// An op and those that it is made of or is a part of, for arms of which only one composes.
std::string_view family_of(std::string_view op) {
  constexpr std::pair<std::string_view, std::string_view> kFamilies[] = {
      {"linear", "matmul"},      {"norm_qkv", "matmul"}, {"norm_gate_up", "matmul"},
      {"norm_logits", "matmul"}, {"swiglu", "matmul"},   {"rms_norm", "matmul"},
      {"head_norm", "rope"},     {"rope", "rope"},       {"kv_store", "rope"},
      {"qk_norm_rope", "rope"},
  };
  for (const auto& [name, family] : kFamilies)
    if (name == op) return family;
  return op;
}

std::vector<Turn> by_family(const std::vector<Turn>& turns) {
  std::vector<Turn> families;
  for (const Turn& turn : turns) {
    families.push_back({turn.ns, {}});
    for (const auto& [op, ns] : turn.op_ns) families.back().op_ns[family_of(op)] += ns;
  }
  return families;
}

bool same_ops(const Turn& a, const Turn& b) {
  return a.op_ns.size() == b.op_ns.size() &&
         std::equal(a.op_ns.begin(), a.op_ns.end(), b.op_ns.begin(),
                    [](const auto& x, const auto& y) { return x.first == y.first; });
}

/// Speed of b over a, round by round.
std::vector<double> ratios_of(const std::vector<Turn>& a, const std::vector<Turn>& b,
                              std::string_view op) {
  std::vector<double> ratios;
  for (size_t round = 0; round < a.size(); ++round)
    ratios.push_back(ns_of(a[round], op) / ns_of(b[round], op));
  return ratios;
}

/// True where the op ran in every turn, for at least 1 % of all the time.
bool counts(const std::vector<Turn>& turns, std::string_view op) {
  double of_op = 0, all = 0;
  for (const Turn& turn : turns) {
    if (ns_of(turn, op) <= 0) return false;
    of_op += ns_of(turn, op), all += turn.ns;
  }
  return of_op >= 0.01 * all;
}

/// Of every phase.
std::vector<Summary> speeds_of(size_t arm, const Workload& workload, const Measured& measured) {
  std::vector<Summary> all;
  for (size_t p = 0; p < measured.phases.size(); ++p) {
    const int64_t tokens =
        workload.batch * workload.tokens(measured.phases[p]) * measured.repeats[p];
    std::vector<double> speeds;
    for (const Turn& turn : measured.turns[p][arm])
      speeds.push_back(double(tokens) * 1e9 / turn.ns);
    all.push_back(summarize(std::move(speeds)));
  }
  return all;
}

void add_pairs(const Arms& arms, const Measured& measured, size_t phase, size_t b,
               const PairedRule& rule, ComparisonReport& report) {
  const Turns& turns = measured.turns[phase];
  const bool same = same_ops(turns[0].front(), turns[b].front());
  const auto arm = [&](size_t i) { return same ? turns[i] : by_family(turns[i]); };
  const std::vector<Turn> first = arm(0), other = arm(b), control = arm(turns.size() - 1);
  const auto pair = [&](std::string_view op) {
    return Pair{arms.name(0),
                arms.name(b),
                measured.phases[phase],
                op,
                compare_paired(ratios_of(first, other, op), ratios_of(first, control, op), rule),
                report.configurations[b].closeness.wrong()};
  };
  report.pairs.push_back(pair(""));
  for (const auto& [op, ns] : first.front().op_ns)
    if (counts(first, op) && counts(other, op) && counts(control, op))
      report.kernels.push_back(pair(op));
}

}  // namespace

ComparisonReport evaluate(Arms& arms, const Workload& workload,
                          const std::vector<Closeness>& closeness, const Measured& measured,
                          const PairedRule& rule) {
  ComparisonReport report;
  report.rounds = measured.rounds;
  if (measured.rounds) report.phases = measured.phases;
  for (size_t arm = 0; arm < closeness.size(); ++arm) {
    const ArmFacts facts = arms.facts(arm);
    report.configurations.push_back(
        {facts.description, arms.name(arm), closeness[arm], facts.memory_bytes, {}});
    if (measured.rounds)
      report.configurations.back().tokens_per_second = speeds_of(arm, workload, measured);
  }
  if (measured.rounds == 0) return report;
  for (size_t b = 1; b < arms.count(); ++b)
    for (size_t phase = 0; phase < measured.phases.size(); ++phase)
      add_pairs(arms, measured, phase, b, rule, report);
  return report;
}

}  // namespace qwench::bench
