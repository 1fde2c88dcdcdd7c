// The text section as a person reads it; --json has every figure of it and more.
#include <algorithm>
#include <cmath>

#include "bench/accuracy/text_section.h"
#include "bench/support/table.h"

namespace qwench::bench {

namespace {

constexpr size_t kMaxLayerRows = 40;  // beyond: only rows that failed; --json has them all

/// Also for values that went wrong: "nan", "3.39e+38".
std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  return std::fabs(value) < 1e6 ? format_number(value) : fmt::format("{:.2e}", value);
}

/// A row's name in tables.
std::string label(const TextReport& report, size_t row) {
  return report.with_floor && row == 0 ? "(noise floor)" : report.rows[row].name;
}

std::string header(const TextReport& r) {
  const ScoredText& text = r.text;
  std::string said = fmt::format("{} tokens of {}, {} scored in {} windows of {}, {} document{}\n",
                                 text.ids.size(), text.path, r.reference.tokens, r.n_windows_run,
                                 r.window, text.n_documents, text.n_documents == 1 ? "" : "s");
  if (!text.by_document())
    said += "one document only: the uncertainty is over windows, which are not independent\n";
  if (r.kld_is_lower_bound)
    said += "the reference is a file of top tokens: every KL divergence is a lower bound\n";
  if (r.interrupted)
    said += fmt::format("interrupted: the figures are those of {} of {} windows\n", r.n_windows_run,
                        text.windows.size());
  return said;
}

/// "1.00012 [0.99990, 1.00034]".
std::string ratio_text(const DivergenceSummary& s) {
  std::string text = fmt::format("{:.6f}", std::exp(s.ln_ppl_ratio));
  if (!s.ln_ppl_interval) return text;
  return text + fmt::format(" [{:.6f}, {:.6f}]", std::exp(s.ln_ppl_interval->lo),
                            std::exp(s.ln_ppl_interval->hi));
}

std::string perplexity_table(const TextReport& report, const Tolerances& tolerances) {
  Table table({"<configuration", "perplexity", "<ratio [95 %]", "top-1 %", "RMS dp %",
               "logits NMSE", "<verdict"});
  table.add({report.reference_name, fmt::format("{:.5f}", report.reference.perplexity()), "1", "",
             "", "", "(reference)"});
  for (size_t i = 0; i < report.rows.size(); ++i) {
    const CandidateResult& row = report.rows[i];
    const char* verdict = all_pass(tolerances.judge(row)) ? "PASS" : "FAIL";
    if (!row.divergence) {
      const bool failed = verdict == std::string_view("FAIL");
      table.add({label(report, i), "-", "-", "-", "-", "-", failed ? verdict : "-"});
      continue;
    }
    const DivergenceSummary& s = *row.divergence;
    table.add({label(report, i), fmt::format("{:.5f}", s.perplexity), ratio_text(s),
               fmt::format("{:.3f}", 100 * s.top1), format_number(100 * s.rms_delta_p),
               row.score.logits.count() ? format_number(row.score.logits.nmse()) : "-", verdict});
  }
  return table.to_string();
}

std::string divergence_table(const TextReport& report) {
  Table table({"<KL divergence, nats", "mean", "<[95 %]", "median", "90 %", "95 %", "99 %",
               "99.9 %", "max"});
  for (size_t i = 0; i < report.rows.size(); ++i) {
    if (!report.rows[i].divergence) continue;
    const DivergenceSummary& s = *report.rows[i].divergence;
    std::vector<std::string> cells = {label(report, i)};
    cells.push_back(format_number(s.mean_kl));
    cells.push_back(s.kl_interval ? fmt::format("[{}, {}]", format_number(s.kl_interval->lo),
                                                format_number(s.kl_interval->hi))
                                  : "");
    for (double value :
         {s.median_kl, s.p90.value, s.p95.value, s.p99.value, s.p99_9.value, s.max_kl})
      cells.push_back(format_number(value));
    table.add(std::move(cells));
  }
  return table.empty() ? "" : "\n" + table.to_string();
}

std::string layer_table(const TextReport& report, const Tolerances& tolerances) {
  size_t n_rows = 0;
  for (const CandidateResult& row : report.rows) n_rows += row.score.layers.size();
  Table table({"<layer output", "layer", "max abs", "RMS error", "cosine", "relative L2"});
  std::string notes;
  for (size_t i = 0; i < report.rows.size(); ++i) {
    const CandidateResult& row = report.rows[i];
    if (!row.score.layers_note.empty())
      notes += fmt::format("{}: {}\n", label(report, i), row.score.layers_note);
    if (n_rows > kMaxLayerRows && all_pass(tolerances.judge(row))) continue;
    for (size_t layer = 0; layer < row.score.layers.size(); ++layer) {
      const Similarity& s = row.score.layers[layer];
      table.add({layer ? "" : label(report, i), std::to_string(layer),
                 number_text(s.max_abs_error()), number_text(s.rms_error()),
                 std::isnan(s.cosine()) ? "nan" : fmt::format("{:.9f}", s.cosine()),
                 number_text(s.relative_l2())});
    }
  }
  if (n_rows > kMaxLayerRows) notes += "(layers of rows that pass: --json)\n";
  return (table.empty() ? "" : "\n" + table.to_string()) + notes;
}

/// Candidates beside reference kernels on their own weights: damage without the loss of the type.
std::string same_weights_table(const TextReport& report) {
  Table table({"<beside its own weights", "ratio [95 %]", "top-1 %", "mean KL", "max KL",
               "logits NMSE", "worst layer", "relative L2"});
  for (size_t i = 0; i < report.rows.size(); ++i) {
    const CandidateResult* own = report.rows[i].same_weights.get();
    if (!own || !own->divergence) continue;
    const DivergenceSummary& s = *own->divergence;
    const std::vector<Similarity>& layers = own->score.layers;
    const auto worst = std::max_element(
        layers.begin(), layers.end(),
        [](const auto& a, const auto& b) { return a.relative_l2() < b.relative_l2(); });
    const bool any = worst != layers.end();
    table.add({label(report, i), ratio_text(s), fmt::format("{:.3f}", 100 * s.top1),
               format_number(s.mean_kl), format_number(s.max_kl),
               number_text(own->score.logits.nmse()),
               any ? std::to_string(worst - layers.begin()) : "-",
               any ? number_text(worst->relative_l2()) : "-"});
  }
  return table.empty() ? "" : "\n" + table.to_string();
}

std::string generation_table(const TextReport& report) {
  Table table({"<greedy continuations", "prompts", "identical", "exact prefix %", "edits %",
               "first divergent token", "margin there"});
  for (size_t i = 0; i < report.rows.size(); ++i) {
    if (!report.rows[i].generation) continue;
    const GenerationSimilarity& g = *report.rows[i].generation;
    const GenerationMatch* first = nullptr;  // the earliest parting
    for (const GenerationMatch& m : g.matches)
      if (m.margin && (!first || m.exact_prefix < first->exact_prefix)) first = &m;
    table.add({label(report, i), std::to_string(g.matches.size()), std::to_string(g.identical()),
               fmt::format("{:.2f}", 100 * g.mean_exact_prefix()),
               fmt::format("{:.2f}", 100 * g.mean_edit_distance()),
               first ? std::to_string(first->exact_prefix) : "-",
               first ? format_number(double(*first->margin)) : "-"});
  }
  return table.empty() ? "" : "\n" + table.to_string();
}

void add_ranges(Table& table, const std::string& name, const Stability& stability) {
  bool first = true;
  for (const OpRange& r : stability.ranges) {
    table.add({first ? name : "", std::string(name_of(r.phase)), std::string(name_of(r.op)),
               r.kernel, std::to_string(r.nan), std::to_string(r.inf), number_text(r.max_abs),
               r.layer < 0 ? "-" : std::to_string(r.layer), number_text(r.f16_headroom())});
    first = false;
  }
}

/// Every op of the reference and of rows with NaN or Inf; of the others, for each phase, the nearest to overflow.
std::string stability_table(const TextReport& report) {
  Table table({"<numerical stability", "<phase", "<op", "<kernel", "NaN", "Inf", "max |x|",
               "in layer", "fp16 headroom"});
  add_ranges(table, report.reference_name, report.reference_stability);
  for (size_t i = 0; i < report.rows.size(); ++i) {
    const Stability& s = report.rows[i].stability;
    Stability worst;
    for (const Phase phase : {Phase::kPrefill, Phase::kDecode})
      if (const OpRange* largest = s.largest(phase)) worst.ranges.push_back(*largest);
    add_ranges(table, label(report, i), s.nonfinite() ? s : worst);
  }
  return table.empty() ? "" : "\n" + table.to_string();
}

/// The words of the tables that are no everyday ones, where they stand.
std::string legend(const TextReport& report) {
  std::string text =
      "RMS dp: root mean square change of the probability of the token that follows\n"
      "fp16 headroom: how many times larger the values might be before fp16 overflows\n";
  if (report.with_floor)
    text += "noise floor: the reference once more, with another number of threads\n";
  if (std::any_of(report.rows.begin(), report.rows.end(),
                  [](const CandidateResult& row) { return row.generation.has_value(); }))
    text += "margin there: by how much the reference's logit led where the texts part\n";
  return text;
}

/// What computed the figures above.
std::string kernel_lines(const TextReport& report) {
  std::string text;
  for (size_t i = report.with_floor ? 1 : 0; i < report.rows.size(); ++i)
    if (const std::string kernels = kernels_text(report.rows[i].stability); !kernels.empty())
      text += fmt::format("kernels of {}: {}\n", label(report, i), kernels);
  return text;
}

/// One line for each precision that a row is judged by.
std::string tolerance_lines(const TextReport& report, const Tolerances& tolerances) {
  std::string text;
  for (const WeightPrecision p :
       {WeightPrecision::kFloat, WeightPrecision::k8Bit, WeightPrecision::kBelow8Bit})
    if (std::any_of(report.rows.begin(), report.rows.end(),
                    [&](const CandidateResult& row) { return row.judged_as == p; }))
      text += fmt::format("tolerances, weights of {}: {}\n", name_of(p), tolerances.to_string(p));
  const bool own = std::any_of(report.rows.begin(), report.rows.end(),
                               [](const auto& row) { return row.same_weights != nullptr; });
  if (own)
    text +=
        fmt::format("beside its own weights through reference kernels, as for {}: {}\n",
                    name_of(WeightPrecision::k8Bit), tolerances.to_string(WeightPrecision::k8Bit));
  for (const CandidateResult& row : report.rows)
    if (!row.same_weights_note.empty())
      text += fmt::format("{}: {}\n", row.name, row.same_weights_note);
  return text;
}

}  // namespace

std::string to_string(const TextReport& report, const Tolerances& tolerances) {
  std::string text = header(report) + tolerance_lines(report, tolerances) + "\n";
  text += perplexity_table(report, tolerances) + divergence_table(report);
  text += same_weights_table(report) + layer_table(report, tolerances);
  text += generation_table(report) + stability_table(report);
  text += "\n" + legend(report) + kernel_lines(report);
  for (size_t i = 0; i < report.rows.size(); ++i)
    if (!(report.with_floor && i == 0) || !all_pass(tolerances.judge(report.rows[i])))
      text += verdict_sentence(report.rows[i], tolerances, report.scope(report.rows[i])) + "\n";
  return text;
}

}  // namespace qwench::bench
