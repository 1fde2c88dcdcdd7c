// The standard prompts: five for throughput, five categories of three, and three phrases to repeat. A
// model without a tokenizer gets random ids in their place, of the lengths stated here.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "bench/suites/suite.h"

namespace qwench::bench {

struct Prompt {
  std::string_view name, text;
};

struct PromptCategory {
  std::string_view name;
  int64_t answer_tokens = 0;  // generated for each
  std::vector<Prompt> prompts;
};

/// quantum_computing, fibonacci, tcp_udp, photosynthesis, neural_network.
const std::vector<Prompt>& throughput_prompts();
/// short_generation, medium_generation, long_generation, code_generation, structured_extraction.
const std::vector<PromptCategory>& prompt_categories();

struct RepeatedPhrase {
  Prompt phrase;
  int64_t times = 0;
};
const std::vector<RepeatedPhrase>& stress_phrases();

/// Ids that stand for a text where there is no tokenizer: four bytes a token.
int64_t stated_tokens(std::string_view text);

/// The ids of a text, repeated as text `times` times; random ids of the stated length, the same for
/// the same text, where the model has no tokenizer.
std::vector<int32_t> prompt_ids(SuiteContext& context, std::string_view text, int64_t times = 1);

/// "model's tokenizer", or that ids are random: for `details`.
std::string prompt_source(SuiteContext& context);

}  // namespace qwench::bench
