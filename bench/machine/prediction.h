// What this machine would make of a model that is not there: the kernels are timed on random matrices
// larger than the caches, the rest is the model's size. Predictions, and called so everywhere.
#pragma once
#include <string>
#include <vector>

#include "bench/model/model_options.h"
#include "bench/support/statistics.h"

namespace qwench::bench {

/// A kernel's speed by weight type; with one token at a time and with many. Predictions take the best
/// pass: another program can slow a pass down, nothing can make it faster than the machine.
struct KernelSpeed {
  DType dtype = DType::kBF16;
  Summary read;        // decode: bytes of weights a second
  Summary arithmetic;  // prefill: operations a second
};

struct MachineSpeed {
  int threads = 0;
  double read_bandwidth = 0;  // bytes a second, by the read probe
  int64_t available_bytes = 0;
  std::vector<KernelSpeed> kernels;

  const KernelSpeed& of(DType dtype) const;  // contract: one of kTunedDTypes
  /// The fastest that anything read: on a shared machine a kernel may have had the better moment.
  double bandwidth() const;
  /// True when a kernel read faster than the probe: another program had the machine while it ran.
  bool probe_was_slow() const { return read_bandwidth > 0 && bandwidth() > read_bandwidth; }
};

constexpr DType kTunedDTypes[] = {DType::kBF16, DType::kQ8_0, DType::kQ4G, DType::kQ4_0};

/// Times the kernels that `options` choose; read_bandwidth is what the probe measured. quick: matrices
/// of twice the last-level cache and three passes. Error where there is too little memory.
MachineSpeed measure_kernels(const ModelOptions& options, int threads, double read_bandwidth,
                             bool quick);

/// What one decoded token reads, in bytes, and what one prompt token computes.
struct TokenCost {
  int64_t layers = 0, head = 0, kv = 0;
  int64_t flops = 0;  // of the layers' matrices
  int64_t total() const { return layers + head + kv; }
};
TokenCost token_cost(const Checkpoint& checkpoint, const LoadOptions& load, KvDType kv,
                     int64_t positions);

/// A conversation: `prompt` tokens before the first answer, `context` positions when it is full.
struct ConversationSizes {
  int64_t prompt = 128, context = 2048;
  std::string kv_dtype = "auto";
};

struct Prediction {
  std::string model;
  DType dtype = DType::kBF16;
  int64_t parameters = 0, memory_bytes = 0, token_bytes = 0;
  double tokens_per_second = 0;  // with the context half full
  double ceiling = 0;            // the same if every byte came at the measured bandwidth
  double ttft_ns = 0;

  /// Seconds for `prompt` tokens in and `generated` out.
  double seconds(int64_t prompt, int64_t generated) const;
  double prefill_tokens_per_second = 0;
};

/// One model held as `dtype`.
Prediction predict(const Checkpoint& checkpoint, DType dtype, const MachineSpeed& machine,
                   const ConversationSizes& conversation);
/// All shape cards in all of kTunedDTypes, in the order of their names.
std::vector<Prediction> predict_all(const MachineSpeed& machine,
                                    const ConversationSizes& conversation);

enum class Suitability : unsigned char { kAchievable, kMarginal, kNotSuitable };
std::string_view name_of(Suitability verdict);  // "achievable", "marginal", "not suitable"
/// reached / wanted, where more is better: a prediction has to have a fifth to spare.
Suitability suitability_for(double ratio);

OrderedJson to_json(const MachineSpeed& machine);
OrderedJson to_json(const Prediction& prediction);

}  // namespace qwench::bench
