// From logits to the next token. Deterministic: the choice depends on the logits, the ids so far,
// the seed and the position, and on nothing that was sampled before.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qwench {

struct LogitBias {
  int32_t id;
  double bias;  // added to the logit; [-1e30, 1e30]
};

/// Two things that are not one another's business: processors change the logits whenever they are
/// set, and then a token is drawn, or the most likely one taken.
struct SamplerOptions {
  // Processors, in the order in which they apply.
  std::vector<LogitBias> logit_bias;
  double repetition_penalty = 1;    // [0.001, 1000], over the set of prompt and output ids; 1: off
  double presence_penalty = 0;      // [-1000, 1000], over the set of output ids; 0: off
  int64_t min_length = 0;           // ids, prompt included, before which none of `ends` comes
  int64_t min_new_tokens = 0;       // the same of output ids
  std::vector<int32_t> ends;        // ids that end a text
  std::vector<int32_t> suppressed;  // never emitted

  // The draw.
  bool greedy = false;     // none: the argmax after the processors; nothing below applies
  double temperature = 1;  // 0: as greedy
  double top_p = 1;        // [0, 1]; 1: off
  double min_p = 0;        // [0, 1]; 0: off
  int64_t top_k = 0;       // >= 0; 0: off; ties with the k-th stay
  uint64_t seed = 0;

  bool draws() const { return !greedy && temperature > 0; }
  /// True where a processor is set: what is emitted may be another than the argmax of the logits.
  bool processes() const {
    return !logit_bias.empty() || repetition_penalty != 1 || presence_penalty != 0 ||
           min_length > 0 || min_new_tokens > 0 || !suppressed.empty();
  }
};

/// What is wrong with the options ("top_p: expected ..., got ..."), or "" when nothing is.
std::string describe_invalid(const SamplerOptions& options);

struct GenerationConfig {
  SamplerOptions sampling;
  std::vector<int32_t> eos_ids;           // generation stops on any of them; may be empty
  std::vector<std::string> stop_strings;  // and on these texts
  std::vector<std::string> not_honoured;  // keys that ask for something else than is done
  std::string where;                      // the file they are in
};

/// generation_config.json of the folder; the defaults when there is none. As transformers reads it:
/// a file that does not say do_sample true means greedy, and processors apply either way. Of a GGUF
/// file: what its keys say. Error on a value out of range.
GenerationConfig read_generation_config(const std::string& folder);

/// The ids so far. The first n_prompt are the prompt. Borrowed.
struct TokenHistory {
  const int32_t* ids = nullptr;
  size_t size = 0;
  size_t n_prompt = 0;
};

class Sampler {
 public:
  /// vocab: ids below this may be emitted (the size of the tokenizer; rows above it are padding).
  /// UsageError when an option is out of range.
  Sampler(const SamplerOptions& options, int64_t vocab);

  /// The next id. logits [>= vocab]; only the first `vocab` are read. The random number belongs to
  /// (seed, history.size). No allocation. Error on a NaN or +inf, and when no id is left to emit.
  int32_t sample(const float* logits, const TokenHistory& history);

  /// The distribution that sample() draws from, one probability per id; 1 for the id it takes where
  /// it draws none.
  std::vector<double> probabilities(const float* logits, const TokenHistory& history);

  const SamplerOptions& options() const { return options_; }

 private:
  void prepare(const float* logits, const TokenHistory& history);
  void process(const TokenHistory& history);
  void penalize(const TokenHistory& history);
  void keep_top_k();
  void keep_top_p();
  double weigh();
  int32_t argmax() const;

  SamplerOptions options_;
  int64_t vocab_;
  std::vector<double> scores_;    // per id: logit after penalties, then weight
  std::vector<double> largest_;   // top-k: heap of the k largest
  std::vector<int32_t> nucleus_;  // top-p: heap of ids
  std::vector<uint32_t> seen_;    // per id: the last call that met it in the history
  uint32_t call_ = 0;
};

/// Philox4x32-10 (Salmon et al., SC 2011) with counter (position, 0) and key `seed`: 53 bits in [0,
/// 1).
double uniform_at(uint64_t seed, uint64_t position);

}  // namespace qwench
