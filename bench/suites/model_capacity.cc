// What is in memory is the whole model: no layer, head or parameter was dropped to be fast.
#include "bench/suites/criteria.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"

namespace qwench::bench {

namespace {

int64_t count(const Weight& weight) { return weight.view.out * weight.view.in; }
int64_t count(const Vector& vector) { return vector.view.data ? vector.view.shape.count() : 0; }

int64_t count(const LayerWeights& l) {
  int64_t n = 0;
  for (const Vector* v :
       {&l.attn_norm, &l.ffn_norm, &l.bias_q, &l.bias_k, &l.bias_v, &l.q_norm, &l.k_norm})
    n += count(*v);
  for (const Weight* w : {&l.wq, &l.wk, &l.wv, &l.wo, &l.w_gate, &l.w_up, &l.w_down})
    n += count(*w);
  return n;
}

int64_t count(const Weights& weights, bool tied) {
  int64_t n = count(weights.embedding) + count(weights.final_norm);
  if (!tied) n += count(weights.head);
  for (const LayerWeights& layer : weights.layers) n += count(layer);
  return n;
}

std::vector<CapacityFact> facts_of(const ModelConfig& c, const Weights& w) {
  const LayerWeights& first = w.layers.front();
  return {{"layers", c.n_layers, int64_t(w.layers.size())},
          {"heads", c.n_heads, first.wq.view.out / c.head_dim},
          {"kv_heads", c.n_kv_heads, first.wk.view.out / c.head_dim},
          {"dim", c.dim, first.wq.view.in},
          {"ffn_dim", c.ffn_dim, first.w_gate.view.out},
          {"vocab", c.vocab, w.embedding.view.out},
          {"parameters", c.parameters(), count(w, c.tied_embeddings)}};
}

SuiteResult run(SuiteContext& context) {
  const ModelConfig& config = context.checkpoint().config();
  const LoadedModel& loaded = context.model(1, 64);
  SuiteResult result;
  OrderedJson details = OrderedJson::object();
  for (const CapacityFact& fact : facts_of(config, loaded.model.weights)) {
    result.figures.push_back(measured(fact.name, "count", {double(fact.held)}));
    result.criteria.push_back(judge_capacity(fact));
    details[fact.name] = fact.held;
  }
  details["model_type"] = config.model_type;
  details["weights"] = name_of(weight_dtype(context.options().model, config));
  result.details = std::move(details);
  return result;
}

SuiteCost cost(const SuiteOptions&, const ModelConfig&) {
  SuiteCost cost;
  cost.capacity = 64;
  return cost;
}

}  // namespace

Criterion judge_capacity(const CapacityFact& fact) {
  Criterion c = judge(fact.name, fmt::format("{} as in the checkpoint", fact.stated),
                      fact.held == fact.stated);
  c.value = double(fact.held), c.unit = "count";
  return c;
}

Suite model_capacity_suite() {
  return {"model_capacity",
          "comprehensive,accuracy,automated",
          "layers, heads and parameters in memory against those of the checkpoint",
          "The matrices and vectors that the backend holds are counted and compared with what the "
          "checkpoint's configuration says, once. Passes when layers, heads, KV heads, widths, "
          "vocabulary and parameters are all the same.",
          run,
          cost};
}

}  // namespace qwench::bench
