// One generation: prompt in, tokens out, with the figures that stand after every run.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "bench/model/text_options.h"
#include "engine/model/session.h"

namespace qwench::bench {

struct GenerateArgs {
  Session& session;  // sequence 0 holds the first `n_cached` prompt ids
  const Backend& backend;
  const TextModel& text;
  std::vector<int32_t> prompt;
  int64_t n_cached = 0;  // < prompt.size()
  int64_t max_new = 0;
  const Session::OnLogits* on_logits = nullptr;  // of every prompt token
  // Each generated id, the stopping one included; false ends the answer.
  std::function<bool(int32_t)> on_token;
};

/// How many of these tokens, whose keys and values are there, the prompt begins with; one of the prompt is always left
/// to compute.
int64_t reusable(const std::vector<int32_t>& cached, const std::vector<int32_t>& prompt);

enum class End { kLength, kEos, kStop, kInterrupted };
/// "length", "eos", "stop", "interrupted".
std::string_view name_of(End end);

struct Generated {
  std::vector<int32_t> history;  // prompt and generated ids
  std::vector<int32_t> ids;      // generated; the stopping id included
  int64_t prompt_tokens = 0, cached = 0, prefilled = 0, decode_steps = 0;
  int64_t prefill_ns = 0, ttft_ns = 0, decode_ns = 0;
  int64_t peak_rss_bytes = 0;
  std::string backend;
  End end = End::kLength;
};

/// Runs until an id that ends a text, until on_token says so, max_new tokens or Ctrl-C.
Generated generate(const GenerateArgs& args);

/// The `stats` object of run --json; what there is no measurement of is null.
OrderedJson stats_json(const Generated& generated);
/// The same in one line for stderr.
std::string stats_line(const Generated& generated);

/// A note when a conversation of n tokens goes beyond the positions the model was made for, else
/// "".
std::string position_note(const ModelConfig& config, int64_t n_tokens, int64_t n_new = 0);

}  // namespace qwench::bench
