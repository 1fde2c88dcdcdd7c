// The text section as JSON. Field names are relied on by scripts.
#include <cmath>

#include "bench/accuracy/reference_file.h"
#include "bench/accuracy/text_section.h"
#include "bench/support/output.h"
#include "bench/support/program.h"

namespace qwench::bench {

namespace {

OrderedJson kld_object(const DivergenceSummary& s) {
  const bool interval = s.kl_interval.has_value();
  return {{"mean", finite_or_null(s.mean_kl)},
          {"mean_lo", interval ? OrderedJson(s.kl_interval->lo) : OrderedJson(nullptr)},
          {"mean_hi", interval ? OrderedJson(s.kl_interval->hi) : OrderedJson(nullptr)},
          {"median", finite_or_null(s.median_kl)},
          {"p90", finite_or_null(s.p90.value)},
          {"p95", finite_or_null(s.p95.value)},
          {"p99", finite_or_null(s.p99.value)},
          {"p999", finite_or_null(s.p99_9.value)},
          {"max", finite_or_null(s.max_kl)},
          {"positions", s.count},
          {"p99_supported", s.p99.supported},
          {"p999_supported", s.p99_9.supported}};
}

/// exp of the interval of the mean difference in nll, candidate minus reference.
OrderedJson ratio_object(const DivergenceSummary& s, bool by_document) {
  OrderedJson json = {{"value", finite_or_null(std::exp(s.ln_ppl_ratio))},
                      {"lo", nullptr},
                      {"hi", nullptr},
                      {"clusters", nullptr},
                      {"clusters_are", by_document ? "documents" : "windows"}};
  if (!s.ln_ppl_interval) return json;
  const BootstrapInterval& i = *s.ln_ppl_interval;
  json["lo"] = std::exp(i.lo), json["hi"] = std::exp(i.hi);
  json["clusters"] = i.clusters;
  json["resamples"] = i.resamples;
  json["seed"] = i.seed;
  return json;
}

OrderedJson layers_array(const CandidateResult& row) {
  OrderedJson layers = OrderedJson::array();
  for (size_t i = 0; i < row.score.layers.size(); ++i) {
    OrderedJson layer = {{"layer", i}};
    layer.update(to_json(row.score.layers[i]));
    layers.push_back(std::move(layer));
  }
  return layers;
}

OrderedJson verdicts_array(const std::vector<Verdict>& verdicts) {
  OrderedJson list = OrderedJson::array();
  for (const Verdict& v : verdicts)
    list.push_back({{"metric", v.metric},
                    {"value", finite_or_null(v.value)},
                    {"limit", v.limit},
                    {"bound", v.at_least ? "at_least" : "at_most"},
                    {"pass", v.pass}});
  return list;
}

OrderedJson text_or_null(const std::string& text) {
  return text.empty() ? OrderedJson(nullptr) : OrderedJson(text);
}

/// What is only there when at least one position was compared; null otherwise.
void add_divergence(OrderedJson& json, const CandidateResult& row, bool by_document) {
  for (const char* key : {"perplexity", "ppl_ratio", "kld", "top1", "delta_p", "logits_nmse"})
    json[key] = nullptr;
  if (!row.divergence) return;
  const DivergenceSummary& s = *row.divergence;
  json["perplexity"] = finite_or_null(s.perplexity);
  json["ppl_ratio"] = ratio_object(s, by_document);
  json["kld"] = kld_object(s);
  json["top1"] = s.top1;
  json["delta_p"] = {{"rms", finite_or_null(s.rms_delta_p)},
                     {"mean", finite_or_null(s.mean_delta_p)}};
  if (row.score.logits.count()) json["logits_nmse"] = finite_or_null(row.score.logits.nmse());
}

/// The same candidate beside reference kernels on its own weights.
OrderedJson same_weights_object(const CandidateResult& row, bool by_document) {
  if (!row.same_weights) return nullptr;
  const CandidateResult& own = *row.same_weights;
  OrderedJson json = {{"reference", own.name}};
  json.update(own.description);
  add_divergence(json, own, by_document);
  json["layers"] = layers_array(own);
  return json;
}

OrderedJson row_object(const CandidateResult& row, const TextReport& report,
                       const Tolerances& tolerances) {
  const std::vector<Verdict> verdicts = tolerances.judge(row);
  OrderedJson json = {{"name", row.name}};
  json.update(row.description);
  json["tokens"] = row.divergence ? row.divergence->scored : 0;
  add_divergence(json, row, report.text.by_document());
  json["layers"] = layers_array(row);
  json["layers_note"] = text_or_null(row.score.layers_note);
  json["same_weights"] = same_weights_object(row, report.text.by_document());
  json["same_weights_note"] = text_or_null(row.same_weights_note);
  json["generation"] = row.generation ? to_json(*row.generation) : OrderedJson(nullptr);
  json["stability"] = to_json(row.stability);
  json["failure"] = text_or_null(row.score.failure);
  json["seconds"] = row.score.seconds;
  json["verdicts"] = verdicts_array(verdicts);
  json["pass"] = all_pass(verdicts);
  json["summary"] = verdict_sentence(row, tolerances, report.scope(row));
  return json;
}

}  // namespace

OrderedJson to_json(const TextReport& report, const Tolerances& tolerances) {
  const ScoredText& text = report.text;
  OrderedJson reference = {{"name", report.reference_name}};
  reference.update(report.reference_description);
  reference["perplexity"] = report.reference.perplexity();
  reference["tokens"] = report.reference.tokens;
  reference["stability"] = to_json(report.reference_stability);
  reference["seconds"] = report.reference.seconds;
  OrderedJson floor = nullptr, candidates = OrderedJson::array();
  for (size_t i = 0; i < report.rows.size(); ++i) {
    OrderedJson row = row_object(report.rows[i], report, tolerances);
    if (report.with_floor && i == 0)
      floor = std::move(row);
    else
      candidates.push_back(std::move(row));
  }
  return {{"text",
           {{"file", model_name(text.path)},
            {"ids", text.ids.size()},
            {"ids_hash", fmt::format("{:016x}", hash_tokens(text.ids))},
            {"window", report.window},
            {"windows", text.windows.size()},
            {"windows_run", report.n_windows_run},
            {"documents", text.n_documents}}},
          {"reference", reference},
          {"kld_is_lower_bound", report.kld_is_lower_bound},
          {"floor", floor},
          {"candidates", candidates}};
}

}  // namespace qwench::bench
