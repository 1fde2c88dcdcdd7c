// A row that does not apply keeps its value: it is shown, and not held against the model.
#include "bench/suites/target_criteria.h"

#include "bench/suites/result.h"

namespace qwench::bench {

namespace {

/// Target and ceiling to an outcome: what no implementation could reach here is not a failure.
Criterion with_ceiling(Criterion c, double percent) {
  if (percent > 0) c.ceiling_percent = percent;
  if (percent > 100 && c.outcome == Outcome::kFail) c.outcome = Outcome::kUnreachable;
  return c;
}

struct Judge {
  const TargetsMeasured& m;
  const ModelCeilings& ceilings;

  Criterion speed(std::string name, double least, size_t batch, std::string note) const {
    const double ceiling = ceilings.tokens_per_second(double(kTargetBatches[batch]));
    return with_ceiling(
        judge({std::move(name), Bound::kAtLeast, least, fmt::format("{} tokens/s", least),
               m.batch_tokens_per_second[batch], std::move(note)}),
        ceiling > 0 ? 100 * least / ceiling : 0);
  }
  Criterion first_token(std::string name, double most_ms) const {
    return with_ceiling(judge({std::move(name), Bound::kAtMost, most_ms * 1e6,
                               fmt::format("{} ms", most_ms), median_of(m.first_token_ns),
                               fmt::format("a prompt of {} tokens", m.prompt_tokens), "ns"}),
                        100 * ceilings.first_token_ns(double(m.prompt_tokens)) / (most_ms * 1e6));
  }
  Criterion memory(std::string name, double most_gb) const {
    return with_ceiling(judge({std::move(name), Bound::kAtMost, most_gb * 1e9,
                               fmt::format("{} GB", most_gb), m.memory_bytes, "", "bytes"}),
                        100 * ceilings.weight_bytes / (most_gb * 1e9));
  }
  Criterion answer(std::string name, double most_s) const {
    const double least = ceilings.first_token_ns(double(m.prompt_tokens)) +
                         double(m.new_tokens - 1) * 1e9 / ceilings.tokens_per_second(1);
    return with_ceiling(
        judge({std::move(name), Bound::kBelow, most_s * 1e9, fmt::format("{} s", most_s),
               median_of(m.answer_ns),
               fmt::format("{} tokens after a prompt of {}", m.new_tokens, m.prompt_tokens), "ns"}),
        100 * least / (most_s * 1e9));
  }
};

std::vector<Criterion> judge_model_row(const Judge& judge_by, const ModelTarget& row) {
  const std::string name(row.name);
  std::vector<Criterion> criteria;
  for (size_t i = 0; i < kTargetBatches.size(); ++i) {
    if (row.batch_least[i] <= 0) continue;
    const std::string range = i == 0
                                  ? fmt::format("the guide gives {} to {}",
                                                row.tokens_per_second[0], row.tokens_per_second[1])
                                  : "";
    criteria.push_back(judge_by.speed(fmt::format("{}: batch {}", name, kTargetBatches[i]),
                                      row.batch_least[i], i, range));
  }
  criteria.push_back(judge_by.first_token(name + ": first token", row.first_token_ms[1]));
  criteria.push_back(judge_by.memory(name + ": memory", row.memory_gb[1]));
  return criteria;
}

Criterion judge_use_row(const Judge& judge_by, const UseTarget& row) {
  const std::string name = fmt::format("{} ({})", row.name, row.device);
  switch (row.metric) {
    case TargetMetric::kTokensPerSecond: return judge_by.speed(name + ": speed", row.limit, 0, "");
    case TargetMetric::kFirstToken: return judge_by.first_token(name + ": first token", row.limit);
    case TargetMetric::kMemory: return judge_by.memory(name + ": memory", row.limit);
    case TargetMetric::kAnswer: break;
  }
  return judge_by.answer(name + ": answer", row.limit);
}

/// Why a target of use says nothing here; "" where it does.
std::string why_not(const UseTarget& row, const TargetsMeasured& m) {
  if (m.parameters < kSmallestForUse)
    return parameters_text(m.parameters) + ": smaller than any model released for use";
  if (row.device != "any" && row.device != m.device)
    return fmt::format("a target for a {}, this is a {}", row.device, m.device);
  return {};
}

}  // namespace

std::vector<Criterion> judge_targets(const TargetsMeasured& m, const ModelCeilings& ceilings) {
  const Judge judge_by{m, ceilings};
  const TargetClass of = class_of(m.parameters, m.bits);
  std::vector<Criterion> criteria = judge_model_row(judge_by, *of.nearest);
  if (!of.why_not.empty())
    for (Criterion& c : criteria) c = not_applicable(std::move(c), of.why_not);
  for (const UseTarget& use : use_targets()) {
    Criterion c = judge_use_row(judge_by, use);
    const std::string why = why_not(use, m);
    criteria.push_back(why.empty() ? std::move(c) : not_applicable(std::move(c), why));
  }
  return criteria;
}

}  // namespace qwench::bench
