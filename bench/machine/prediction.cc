// Decode is reading: bytes of the weights at the kernel's rate, keys and values at the probe's. Prefill is
// arithmetic at the kernel's rate, and reads the weights once.
#include "bench/machine/prediction.h"

#include <algorithm>

#include "bench/machine/host.h"
#include "bench/model/backend_memory.h"
#include "bench/model/kv_choice.h"
#include "bench/support/output.h"
#include "engine/base/format_bytes.h"
#include "engine/base/host_memory.h"
#include "engine/formats/format.h"
#include "engine/model/kv_pool.h"

namespace qwench::bench {

namespace {

constexpr int64_t kSide = 4096, kPromptTokens = 64, kMiB = int64_t(1) << 20;

/// Bytes of matrices, so that no pass finds in the cache what the one before left there.
int64_t ring_bytes(bool quick) {
  const int64_t cache = std::max<int64_t>(host().l3_bytes, 16 * kMiB);
  const int64_t bytes = std::min((quick ? 2 : 6) * cache, 1024 * kMiB);
  const int64_t available = available_memory_bytes();
  if (3 * bytes > available)
    fail("memory: expected {} to time the kernels with, got {} available", format_bytes(3 * bytes),
         format_bytes(available));
  return bytes;
}

class Ring {
 public:
  Ring(Backend& backend, DType dtype, bool quick) : backend_(backend), memory_(backend, 1) {
    const int64_t matrix = kSide * row_bytes(dtype, kSide);
    const int64_t n = std::max<int64_t>(2, ring_bytes(quick) / matrix);
    bytes_ = n * matrix;
    for (int64_t i = 0; i < n; ++i)
      matrices_.push_back(memory_.weight(kSide, kSide, dtype, WeightUse::kLinear));
    x_ = memory_.values({kPromptTokens, kSide});
    y_ = memory_.room({kPromptTokens, kSide}, DType::kF32);
  }

  /// Seconds of the first `matrices` of the ring with so many tokens.
  double pass(int64_t n_tokens, size_t matrices) {
    const int64_t start = now_ns();
    for (size_t i = 0; i < matrices; ++i)
      backend_.run(LinearArgs{x_.slice(0, n_tokens), matrices_[i], {}, y_.slice(0, n_tokens)});
    return double(now_ns() - start) * 1e-9;
  }

  int64_t bytes() const { return bytes_; }
  size_t size() const { return matrices_.size(); }

 private:
  Backend& backend_;
  BackendMemory memory_;
  std::vector<WeightView> matrices_;
  TensorView x_, y_;
  int64_t bytes_ = 0;
};

KernelSpeed measure_dtype(Backend& backend, DType dtype, bool quick) {
  Ring ring(backend, dtype, quick);
  const int passes = quick ? 3 : 9;
  std::vector<double> read, arithmetic;
  ring.pass(1, ring.size());
  for (int i = 0; i < passes; ++i) read.push_back(double(ring.bytes()) / ring.pass(1, ring.size()));
  ring.pass(kPromptTokens, 1);
  for (int i = 0; i < passes; ++i)
    arithmetic.push_back(double(2 * kSide * kSide * kPromptTokens) / ring.pass(kPromptTokens, 1));
  return {dtype, summarize(std::move(read)), summarize(std::move(arithmetic))};
}

LoadOptions held_as(DType dtype) {
  LoadOptions load;
  load.as_stored = false, load.dtype = dtype;
  return load;
}

}  // namespace

const KernelSpeed& MachineSpeed::of(DType dtype) const {
  for (const KernelSpeed& k : kernels)
    if (k.dtype == dtype) return k;
  QWENCH_CHECK(!"a type whose kernels were timed");
  return kernels.front();
}

double MachineSpeed::bandwidth() const {
  double fastest = read_bandwidth;
  for (const KernelSpeed& k : kernels) fastest = std::max(fastest, k.read.max);
  return fastest;
}

MachineSpeed measure_kernels(const ModelOptions& options, int threads, double read_bandwidth,
                             bool quick) {
  MachineSpeed machine;
  machine.threads = threads, machine.read_bandwidth = read_bandwidth;
  machine.available_bytes = available_memory_bytes();
  const std::unique_ptr<Backend> backend = make_backend(options, threads);
  for (DType dtype : kTunedDTypes) machine.kernels.push_back(measure_dtype(*backend, dtype, quick));
  return machine;
}

TokenCost token_cost(const Checkpoint& checkpoint, const LoadOptions& load, KvDType kv,
                     int64_t positions) {
  TokenCost cost;
  const ModelConfig& config = checkpoint.config();
  for (const TensorInfo& t : checkpoint.tensors()) {
    if (t.shape.rank < 2) continue;
    const int64_t bytes =
        t.rows() * row_bytes(held_dtype(t, load), round_up(t.cols(), kQuantBlock));
    const bool embedding = t.name == "model.embed_tokens.weight", head = t.name == "lm_head.weight";
    if (config.tied_embeddings ? embedding : head) cost.head = bytes;
    if (embedding || head) continue;
    cost.layers += bytes, cost.flops += 2 * t.shape.count();
  }
  cost.kv = KvPool::bytes(kv_shapes(config, kv), 1) / kKvBlock * positions;
  return cost;
}

Prediction predict(const Checkpoint& checkpoint, DType dtype, const MachineSpeed& machine,
                   const ConversationSizes& conversation) {
  const ModelConfig& config = checkpoint.config();
  const LoadOptions load = held_as(dtype);
  ModelOptions options;
  options.kv_dtype = conversation.kv_dtype;
  const TokenCost token =
      token_cost(checkpoint, load, read_kv_dtype(conversation.kv_dtype), conversation.context / 2);
  const double kernel = machine.of(dtype).read.max;
  const double of_head = machine.of(embedding_dtype(dtype)).read.max;
  const double bandwidth = machine.bandwidth();
  const double head = double(token.head) / of_head, layers = double(token.layers) / kernel;
  Prediction p;
  p.model = checkpoint.path(), p.dtype = dtype, p.parameters = config.parameters();
  p.memory_bytes = plan_memory(config, weight_bytes(checkpoint, load),
                               session_options(options, 1, conversation.context))
                       .total();
  p.token_bytes = token.total();
  p.tokens_per_second = 1 / (layers + head + double(token.kv) / bandwidth);
  p.ceiling = bandwidth / double(token.total());
  p.prefill_tokens_per_second = machine.of(dtype).arithmetic.max / double(token.flops);
  p.ttft_ns =
      1e9 * (std::max(double(conversation.prompt) / p.prefill_tokens_per_second, layers) + head);
  return p;
}

double Prediction::seconds(int64_t prompt, int64_t generated) const {
  return double(prompt) / prefill_tokens_per_second + double(generated) / tokens_per_second;
}

std::vector<Prediction> predict_all(const MachineSpeed& machine,
                                    const ConversationSizes& conversation) {
  std::vector<Prediction> list;
  for (const std::string& name : shape_card_names()) {
    const std::unique_ptr<Checkpoint> card = open_shape_card(name, OpenOptions());
    for (DType dtype : kTunedDTypes) list.push_back(predict(*card, dtype, machine, conversation));
  }
  return list;
}

std::string_view name_of(Suitability verdict) {
  switch (verdict) {
    case Suitability::kAchievable: return "achievable";
    case Suitability::kMarginal: return "marginal";
    case Suitability::kNotSuitable: return "not suitable";
  }
  return "not suitable";
}

Suitability suitability_for(double ratio) {
  return ratio >= 1.2   ? Suitability::kAchievable
         : ratio >= 0.8 ? Suitability::kMarginal
                        : Suitability::kNotSuitable;
}

OrderedJson to_json(const MachineSpeed& machine) {
  OrderedJson kernels = OrderedJson::array();
  for (const KernelSpeed& k : machine.kernels)
    kernels.push_back({{"dtype", name_of(k.dtype)},
                       {"read_bytes_per_second", to_json(k.read)},
                       {"operations_per_second", to_json(k.arithmetic)}});
  return {
      {"threads", machine.threads},
      {"read_bytes_per_second", number_or_null(machine.read_bandwidth, machine.read_bandwidth > 0)},
      {"above_ceilings", machine.probe_was_slow()},
      {"available_bytes", machine.available_bytes},
      {"kernels", kernels}};
}

OrderedJson to_json(const Prediction& p) {
  return {{"model", p.model},
          {"dtype", name_of(p.dtype)},
          {"parameters", p.parameters},
          {"memory_bytes", p.memory_bytes},
          {"token_bytes", p.token_bytes},
          {"predicted_tokens_per_second", p.tokens_per_second},
          {"ceiling_tokens_per_second", p.ceiling},
          {"predicted_prefill_tokens_per_second", p.prefill_tokens_per_second},
          {"predicted_ttft_ns", p.ttft_ns}};
}

}  // namespace qwench::bench
