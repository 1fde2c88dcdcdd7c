// What a comparison with a golden folder says to people and to scripts.
#include "bench/accuracy/golden.h"

namespace qwench::bench {

std::string to_string(const GoldenResult& r) {
  std::string text =
      fmt::format("{} {}: {} tokens\n", r.passed() ? "pass" : "FAIL", r.folder, r.n_tokens);
  const auto line = [&](const std::string& what, const GoldenTensor& t) {
    const double bound = r.limits.bound;
    const std::string judged =
        r.rounds_inputs
            ? ""
            : fmt::format(" (bound {:.0e}{})", bound,
                          t.relative() <= bound ? "" : fmt::format(", token {}", t.worst_row));
    text += fmt::format("  {:<16} max difference {:.3g} of {:.3g} = {:.2e}{}\n", what,
                        t.max_difference, t.max_expected, t.relative(), judged);
  };
  line("logits", r.logits);
  if (r.rounds_inputs)
    text +=
        fmt::format("  KL divergence    mean {:.2e} (limit {:.0e}), max {:.2e} (limit {:.0e})\n",
                    r.mean_kl, r.limits.mean_kl, r.max_kl, r.limits.max_kl);
  for (size_t i = 0; i < r.hidden.size(); ++i)
    line(i == 0                     ? std::string("embedding")
         : i + 1 == r.hidden.size() ? std::string("final norm")
                                    : fmt::format("after layer {}", i - 1),
         r.hidden[i]);
  if (!r.hidden_skipped.empty())
    text += fmt::format("  hidden states    skipped: {}\n", r.hidden_skipped);
  const int64_t at = r.first_divergent();
  if (at < 0)
    return text +
           fmt::format("  greedy ids       {} of {} equal\n", r.ids.size(), r.expected_ids.size());
  text += fmt::format("  greedy ids       differ at {} of {}: expected {}, got {}", at,
                      r.expected_ids.size(), r.expected_ids[size_t(at)], r.ids[size_t(at)]);
  if (!r.margins.empty()) text += fmt::format(" (expected margin {:.3g})", r.margins[size_t(at)]);
  return text + "\n";
}

OrderedJson to_json(const GoldenResult& r) {
  const auto tensor = [](const GoldenTensor& t) {
    return OrderedJson{{"max_difference", t.max_difference},
                       {"max_expected", t.max_expected},
                       {"relative", t.relative()},
                       {"worst_token", t.worst_row}};
  };
  OrderedJson hidden = OrderedJson::array();
  for (const GoldenTensor& layer : r.hidden) hidden.push_back(tensor(layer));
  const int64_t at = r.first_divergent();
  return {{"folder", r.folder},
          {"passed", r.passed()},
          {"n_tokens", r.n_tokens},
          {"rounds_inputs", r.rounds_inputs},
          {"bound", r.limits.bound},
          {"logits", tensor(r.logits)},
          {"mean_kl", r.mean_kl},
          {"max_kl", r.max_kl},
          {"kl_limits", {{"mean", r.limits.mean_kl}, {"max", r.limits.max_kl}}},
          {"hidden_states", r.hidden.empty() ? OrderedJson(nullptr) : hidden},
          {"greedy_ids", r.ids},
          {"expected_ids", r.expected_ids},
          {"first_divergent", at < 0 ? OrderedJson(nullptr) : OrderedJson(at)},
          {"margin_there", at < 0 || r.margins.empty() ? OrderedJson(nullptr)
                                                       : OrderedJson(r.margins[size_t(at)])}};
}

}  // namespace qwench::bench
