// Timed greedy generation for suites: one sequence at a time or several in step. Every run starts from an
// empty session and makes as many tokens as it is asked for, so that all runs do the same work.
#pragma once
#include <optional>
#include <vector>

#include "bench/suites/suite.h"

namespace qwench::bench {

/// Times in ns from the start of the prompt.
struct Generation {
  std::vector<int32_t> ids;  // generated
  int64_t prompt_tokens = 0;
  double first_token_ns = 0, total_ns = 0;
  std::vector<double> token_ns;  // from one generated token to the next
  bool interrupted = false;

  /// Generated tokens after the first over the time after the first; none for one token.
  std::optional<double> decode_tokens_per_second() const;
  double tokens_per_second() const { return double(ids.size()) * 1e9 / total_ns; }
};

struct BatchGeneration {
  int64_t batch = 0, prompt_tokens = 0;  // of all sequences
  std::vector<int32_t> ids;              // generated, sequence after sequence
  std::vector<double> first_token_ns;    // of each sequence: prompts are read one after another
  double prefill_ns = 0, total_ns = 0;
  bool interrupted = false;

  double tokens_per_second() const { return double(ids.size()) * 1e9 / total_ns; }
};

class GenerationSession {
 public:
  /// Room for n_seq sequences of `capacity` positions. Error when they do not fit into memory.
  GenerationSession(SuiteContext& context, int64_t n_seq, int64_t capacity);

  /// Sequence 0; n_new >= 1.
  Generation generate(const std::vector<int32_t>& prompt, int64_t n_new);
  /// As many prompts as sequences.
  BatchGeneration generate_batch(const std::vector<std::vector<int32_t>>& prompts, int64_t n_new);

  Session& session() { return session_; }
  const LoadedModel& loaded() const { return loaded_; }

 private:
  LoadedModel& loaded_;
  const TextModel& text_;
  Session session_;
};

/// Positions that the longest of the prompts needs with its answer.
int64_t room_for(const std::vector<std::vector<int32_t>>& prompts, int64_t n_new);

}  // namespace qwench::bench
