// A configuration against results that other software computed: golden folders hold a checkpoint
// and expected.safetensors (made by models/reference/make_golden.py with transformers).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "engine/model/session.h"

namespace qwench::bench {

struct GoldenOptions {
  double bound = 2e-4;  // of max |ours - expected| / max |expected|; float32 against float32
  // Where kernels round activations to int8: KL divergence of the logits' distributions, nats.
  double mean_kl = 1e-3, max_kl = 5e-3;
  KvDType kv;
  int64_t prefill_chunk = 512;
};

/// One compared tensor.
struct GoldenTensor {
  double max_difference = 0;  // |ours - expected|
  double max_expected = 0;    // |expected|
  int64_t worst_row = 0;      // token of the largest difference
  double relative() const;    // max_difference / max_expected; the difference when that is 0
};

struct GoldenResult {
  std::string folder;
  int64_t n_tokens = 0, vocab = 0;
  GoldenOptions limits;
  bool rounds_inputs = false;  // some kernel did, so the divergence is judged and not the bound
  GoldenTensor logits;
  double mean_kl = 0, max_kl = 0;    // nats; of the expected distributions to ours
  std::vector<GoldenTensor> hidden;  // embedding, after each layer; empty when not compared
  std::string hidden_skipped;        // why not, "" when compared
  std::vector<int32_t> expected_ids, ids;
  std::vector<float> margins;  // top-1 minus top-2 logit of the expected ids; may be empty
  /// First index where the greedy ids differ, or -1.
  int64_t first_divergent() const;
  /// Greedy ids equal; where inputs are rounded, up to the first margin that the largest difference of
  /// the logits could turn.
  bool ids_passed() const;
  /// Logits and hidden states within the limits, and the greedy ids.
  bool passed() const;
};

/// `path` itself when it holds expected.safetensors, else those of its subfolders that do, sorted.
/// Error when there is none.
std::vector<std::string> golden_folders(const std::string& path);

/// Runs `model` (loaded from `folder` in any configuration) over its input_ids and compares. Error
/// naming file and tensor when expected.safetensors is missing, or a tensor is missing, has another
/// type or another shape than the model's.
GoldenResult check_golden(const std::string& folder, const Model& model,
                          const GoldenOptions& options = {});

/// A few lines for a person: each figure with its bound, the first divergent id with its margin.
std::string to_string(const GoldenResult& result);
OrderedJson to_json(const GoldenResult& result);

}  // namespace qwench::bench
