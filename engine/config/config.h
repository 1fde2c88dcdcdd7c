// The facts of one Qwen text model, read from config.json. Families differ in fields, never in
// code.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/dtype.h"
#include "engine/base/json.h"
#include "engine/config/rope_config.h"

namespace qwench {

struct Family;

struct ModelConfig {
  std::string model_type;  // "qwen2" or "qwen3"
  int64_t dim = 0, n_layers = 0, n_heads = 0, n_kv_heads = 0, head_dim = 0, ffn_dim = 0, vocab = 0;
  int64_t max_positions = 0;  // as the file says
  double norm_eps = 0;
  bool qkv_bias = false, qk_norm = false, tied_embeddings = false;
  RopeConfig rope;
  DType stored_dtype = DType::kF32;  // of most weights: what the tensors say, the label of a card
  std::vector<int32_t> eos_ids;      // from config.json; generation_config.json may replace them
  // Layers whose keys 16 bits hold badly, as their weights say: open_checkpoint() finds them.
  std::vector<int64_t> wide_key_layers;

  int64_t q_dim() const { return n_heads * head_dim; }
  int64_t kv_dim() const { return n_kv_heads * head_dim; }
  /// Positions that the model answers well for: with YaRN the factor times the original ones, where
  /// max_positions says less (published recipes leave it as it was).
  int64_t usable_positions() const;
  /// Sets what follows from the family: model_type, qkv_bias, qk_norm.
  void set_family(const Family& family);
  /// Number of weights by the formula of the architecture; a loader self-test.
  int64_t parameters() const;
};

/// Reads config.json (also `text_config`, `rope_parameters`). Error naming the field, what was
/// expected and found; whatever is not supported (MoE, VL, other rope types, sliding window, other
/// activation) is refused by name with what is supported. What a person should know goes to `notes`
/// unless that is null.
ModelConfig read_model_config(const Json& json, const std::string& where,
                              std::vector<std::string>* notes = nullptr);

}  // namespace qwench
