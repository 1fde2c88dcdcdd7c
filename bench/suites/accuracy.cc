// Does the configuration still compute what the reference kernels compute? The sections of `qwench
// accuracy`, on sizes that suit a benchmark.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "bench/accuracy/text_run.h"
#include "bench/gradients/gradient_section.h"
#include "bench/suites/criteria.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"
#include "bench/sweep/case.h"

namespace qwench::bench {

namespace {

constexpr double kRelativeError = 0.01;         // of the guides: within 1 %
constexpr double kCoarseGradientCosine = 0.95;  // of weights of less than 8 bits, which are others

/// Fewer tokens of a larger model: the reference kernels make about 1e9 operations a second.
int64_t text_tokens(const SuiteOptions& o, const ModelConfig& config) {
  const auto affordable = int64_t((o.quick ? 4e9 : 6e10) / double(config.parameters()));
  return std::clamp<int64_t>(affordable, o.size(32, 8), o.size(2048, 128));
}
int64_t continued_prompts(const SuiteOptions& o, const ModelConfig& config) {
  return config.parameters() > 100'000'000 ? o.size(1, 0) : o.size(4, 2);
}

/// The held-out text that ships with a model; "" where there is none, or nothing to read it with.
std::string text_of(SuiteContext& context) {
  const std::string file = context.checkpoint().path() + "/heldout.txt";
  std::error_code ignored;
  const bool there = std::filesystem::is_regular_file(file, ignored);
  return there && context.text().tokenizer ? file : "";
}

double number(const OrderedJson& json) { return json.is_number() ? json.get<double>() : NAN; }

void add_candidate(const OrderedJson& candidate, SuiteResult& to) {
  const double nmse = number(candidate["logits_nmse"]);
  const double relative = std::sqrt(nmse);
  to.figures.push_back(measured("logits_relative_error", "ratio", {relative}));
  if (candidate["kld"].is_object())
    to.figures.push_back(measured("kld_mean", "nat", {number(candidate["kld"]["mean"])}));
  to.figures.push_back(measured("top1_agreement", "ratio", {number(candidate["top1"])}));
  if (candidate["generation"].is_object())
    to.figures.push_back(measured("generation_exact_prefix", "ratio",
                                  {number(candidate["generation"]["exact_prefix"])}));
  const OrderedJson& stability = candidate["stability"];
  to.figures.push_back(
      measured("nonfinite_values", "count", {number(stability["nan"]) + number(stability["inf"])}));
  to.criteria.push_back(judge_text_logits(relative));
  for (const OrderedJson& verdict : candidate["verdicts"])
    to.criteria.push_back(judge_accuracy_verdict(verdict));
}

/// The default kernels over the held-out text, in step with the reference kernels.
void compare_text(SuiteContext& context, const std::string& file, SuiteResult& to) {
  const SuiteOptions& o = context.options();
  const ModelConfig& config = context.checkpoint().config();
  AccuracyOptions accuracy;
  accuracy.model = o.model;
  accuracy.text = file;
  accuracy.max_tokens = text_tokens(o, config);
  accuracy.window = std::min<int64_t>(accuracy.max_tokens, 512);
  accuracy.generate = o.size(16, 8), accuracy.prompts = continued_prompts(o, config);
  accuracy.no_floor = true;
  const Plan plan = make_plan(accuracy);
  Findings findings;
  run_text(plan, findings);
  to.interrupted = to.interrupted || findings.interrupted;
  const OrderedJson& candidates = findings.document["candidates"];
  if (!candidates.empty()) add_candidate(candidates.front(), to);
  to.details["text"] = findings.document["text"];
  to.details["candidates"] = candidates;
}

std::vector<float> logits_of(const ConfiguredModel& model, const std::vector<int32_t>& ids) {
  Session session(model.loaded().model, model.session_options());
  std::vector<float> logits;
  const int64_t vocab = model.config().vocab;
  const Session::OnLogits keep = [&](int64_t, int64_t n, const float* rows) {
    logits.insert(logits.end(), rows, rows + n * vocab);
  };
  session.prefill(0, ids.data(), int64_t(ids.size()), &keep);
  return logits;
}

/// Without a text: logits of random tokens.
void compare_random(SuiteContext& context, SuiteResult& to) {
  const SuiteOptions& o = context.options();
  const ModelConfig& config = context.checkpoint().config();
  const int64_t n = std::min<int64_t>(32, text_tokens(o, config));
  const std::vector<int32_t> ids = random_ids(n, config.vocab, o.model.seed);
  std::vector<OpenedModel> opened;
  for (const char* configuration : {"reference:kernel=reference", "default:"})
    opened.push_back(
        open_configured(parse_configuration(configuration, o.model, "accuracy"), n, n));
  const ConfiguredModel reference(std::move(opened[0])), candidate(std::move(opened[1]));
  const std::vector<float> expected = logits_of(reference, ids), got = logits_of(candidate, ids);
  Similarity similarity;
  similarity.add(expected.data(), got.data(), int64_t(expected.size()));
  const double nonfinite = double(candidate.stability().nonfinite());
  to.figures = {measured("logits_relative_error", "ratio", {similarity.relative_l2()}),
                measured("nonfinite_values", "count", {nonfinite})};
  const bool rounds_inputs = is_quantized(weight_dtype(o.model, context.checkpoint().config()));
  to.criteria.push_back(judge_random_logits(rounds_inputs, similarity.relative_l2(), n));
  to.criteria.push_back(judge({"nonfinite", Bound::kAtMost, 0, "", nonfinite}));
  to.details["tokens"] = n;
  to.details["logits"] = to_json(similarity);
}

/// Gradients through the first layer: of the weights as held against the weights as stored.
void compare_gradient_flow(SuiteContext& context, SuiteResult& to) {
  const SuiteOptions& o = context.options();
  const Checkpoint& checkpoint = context.checkpoint();
  ModelOptions stored = o.model;
  stored.dtype.clear();
  GradientArgs args{checkpoint, weight_dtype(stored, checkpoint.config())};
  args.candidates.push_back({"default", &checkpoint, weight_dtype(o.model, checkpoint.config())});
  args.n_tokens = o.size(16, 8), args.seed = o.model.seed;
  if (precision_of(checkpoint, o.model) == WeightPrecision::kBelow8Bit)
    args.min_cosine = kCoarseGradientCosine;
  const GradientReport report = compare_gradients(args);
  double least = 1;
  for (const GradientRow& row : report.rows)
    if (!std::isnan(least) && !(row.cosine >= least)) least = row.cosine;  // a NaN stays
  to.figures.push_back(
      measured("gradient_finite_difference_error", "ratio", {report.finite_difference_error}));
  for (Criterion& c : judge_gradients(
           {report.finite_difference_error, least, report.min_cosine, report.recompute_equal}))
    to.criteria.push_back(std::move(c));
  to.details["gradients"] = to_json(report);
}

SuiteResult run(SuiteContext& context) {
  SuiteResult result;
  result.details = OrderedJson::object();
  const std::string text = text_of(context);
  context.unload();  // two models of its own
  if (text.empty())
    compare_random(context, result);
  else
    compare_text(context, text, result);
  if (!interrupted()) compare_gradient_flow(context, result);
  result.interrupted = result.interrupted || interrupted();
  return result;
}

SuiteCost cost(const SuiteOptions& o, const ModelConfig& config) {
  constexpr double kReferenceFlops = 1e9;
  const int64_t tokens =
      text_tokens(o, config) + continued_prompts(o, config) * (32 + o.size(16, 8));
  SuiteCost cost;
  cost.models = 2, cost.prefill_tokens = tokens;
  cost.seconds = 2 * double(config.parameters()) * double(tokens) / kReferenceFlops;
  return cost;
}

}  // namespace

Criterion judge_text_logits(double relative_l2) {
  return judge({"logits_relative_error", Bound::kAtMost, kRelativeError, "1 %", relative_l2,
                "L2 over all logits of the text"});
}

Criterion judge_accuracy_verdict(const OrderedJson& verdict) {
  const Bound bound = verdict["bound"] == "at_least" ? Bound::kAtLeast : Bound::kAtMost;
  return judge({verdict["metric"].get<std::string>(), bound, verdict["limit"].get<double>(), "",
                number(verdict["value"])});
}

std::vector<Criterion> judge_gradients(const GradientsMeasured& m) {
  return {
      judge({"gradient_finite_difference_error", Bound::kAtMost, kMaxFiniteDifferenceError, "",
             m.finite_difference_error, "backward of a small block against central differences"}),
      judge({"gradient_cosine", Bound::kAtLeast, m.min_cosine, "", m.least_cosine,
             "weights as held against weights as stored, layer 0"}),
      judge("gradient_recompute", "recomputed activations give the same bits", m.recompute_equal)};
}

Suite accuracy_suite() {
  return {
      "accuracy",
      "accuracy,comprehensive,automated",
      "logits, generation, finite values and gradients against the reference",
      "Default and reference kernels run the beginning of the model's held-out text in step "
      "(random "
      "tokens where there is none) and continue a few documents greedily; every op's output is "
      "checked for NaN and Inf; gradients through the first layer are compared with finite "
      "differences and between weights as held and as stored. Passes when the relative error of "
      "the logits is at most 1 % and every limit of `qwench accuracy` is kept.",
      run,
      cost};
}

}  // namespace qwench::bench
