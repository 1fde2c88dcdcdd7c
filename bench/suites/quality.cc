// Answers to prompts with a reference: ROUGE, BLEU, exact matches, and the perplexity of the references.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "bench/suites/criteria.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"
#include "bench/tasks/likelihood.h"
#include "bench/tasks/prompt_task.h"

namespace qwench::bench {

namespace {

/// --prompts-file, else what ships with the model; "" where there is neither.
std::string prompts_of(const SuiteOptions& o) {
  if (!o.prompts_file.empty()) return o.prompts_file;
  const std::string file = o.model.model + "/tasks/prompts.json";
  std::error_code ignored;
  return std::filesystem::is_regular_file(file, ignored) ? file : "";
}

int64_t limit_of(const SuiteOptions& o) { return o.size(0, 4); }

/// exp of the mean negative log-likelihood of a reference's tokens after its prompt.
std::vector<double> reference_perplexities(SuiteContext& context, const TextModel& text,
                                           const std::vector<PromptItem>& items) {
  std::vector<EncodedPair> pairs;
  int64_t capacity = 1;
  for (const PromptItem& item : items) {
    const bool spaced = item.prompt.back() == ' ' || item.prompt.back() == '\n';
    pairs.push_back(encode_pair(*text.tokenizer, item.prompt, (spaced ? "" : " ") + item.reference,
                                item.where));
    capacity = std::max(capacity, int64_t(pairs.back().tokens.size()));
  }
  const LoadedModel& loaded = context.model(1, capacity);
  LikelihoodScorer scorer(loaded.model, session_options(context.options().model, 1, capacity),
                          capacity, text.emit_limit);
  std::vector<double> perplexities;
  for (const EncodedPair& pair : pairs) {
    if (interrupted()) break;
    const double nll = -scorer.score(pair).log_likelihood;
    perplexities.push_back(std::exp(nll / double(pair.n_continuation())));
  }
  return perplexities;
}

void add_scores(const OrderedJson& answers, SuiteResult& to) {
  if (answers["n"] == 0) return;
  for (const char* rouge : {"rouge1", "rouge2", "rougeL"})
    to.figures.push_back(measured(rouge, "ratio", {answers[rouge]["f1"].get<double>()}));
  to.figures.push_back(measured("bleu", "percent", {answers["corpus_bleu"].get<double>()}));
  to.figures.push_back(measured("exact_match", "ratio", {answers["exact_match"].get<double>()}));
}

SuiteResult without(std::string why) {
  SuiteResult result;
  for (const char* name : {"rougeL", "bleu", "reference_perplexity"})
    result.figures.push_back(not_measured(name, "", why));
  result.details = {{"skipped", std::move(why)}};
  return result;
}

SuiteResult run(SuiteContext& context) {
  const SuiteOptions& o = context.options();
  const std::string file = prompts_of(o);
  if (file.empty()) return without("no --prompts-file, and the model has no tasks/prompts.json");
  SamplingOptions greedy;
  greedy.greedy = true;
  const TextModel text = open_text(o.model, context.checkpoint(), greedy);
  if (!text.tokenizer) return without("the model has no tokenizer");
  std::vector<PromptItem> items = read_prompts(file, limit_of(o));
  if (o.max_tokens)
    for (PromptItem& item : items) item.max_new = o.max_tokens;
  PromptTask task(file, 0, items, {});
  const std::string name = "default";
  task.run({name, context.model(1, 64), text, o.model});
  const OrderedJson answers = task.results().front();
  SuiteResult result;
  add_scores(answers, result);
  result.figures.push_back(
      measured("reference_perplexity", "ratio", reference_perplexities(context, text, items)));
  result.interrupted = interrupted();
  QualityMeasured judged;
  judged.items = int64_t(items.size()), judged.vocab = context.checkpoint().config().vocab;
  judged.interrupted = result.interrupted;
  for (const OrderedJson& text : answers["predictions"])
    judged.answered += text.get_ref<const std::string&>().empty() ? 0 : 1;
  if (const std::optional<Summary>& perplexity = result.figures.back().summary)
    judged.perplexity = perplexity->median;
  result.criteria = judge_quality(judged);
  result.details = {{"file", task.file().substr(task.file().find_last_of('/') + 1)},
                    {"items", items.size()},
                    {"answers", answers}};
  return result;
}

SuiteCost cost(const SuiteOptions& o, const ModelConfig&) {
  SuiteCost cost;
  const int64_t items = o.quick ? 4 : 40, answer = o.generated(16, 16);
  cost.prefill_tokens = items * 64, cost.decode_steps = items * answer;
  cost.capacity = 256 + answer;
  return cost;
}

}  // namespace

std::vector<Criterion> judge_quality(const QualityMeasured& m) {
  return {
      judge_all("all_prompts", "every prompt answered with some text", m.answered, m.items,
                m.interrupted),
      judge({"reference_perplexity", Bound::kBelow, double(m.vocab), "the vocabulary (guessing)",
             m.perplexity, "median over the references; quality targets are yours to set"})};
}

Suite quality_suite() {
  return {
      "quality",
      "accuracy,comprehensive",
      "ROUGE, BLEU and exact match of answers, perplexity of the reference answers",
      "Every prompt of --prompts-file, a JSON array of {\"prompt\", \"reference\"} (else of the "
      "model's tasks/prompts.json), is answered greedily up to the end of text and compared with "
      "its reference; the perplexity of a reference is that of its tokens after its prompt. Runs "
      "once: greedy answers do not vary. Passes when all are answered and references are likelier "
      "than by guessing. Custom metrics: `qwench accuracy --prompts FILE --metric NAME=COMMAND`.",
      run,
      cost};
}

}  // namespace qwench::bench
