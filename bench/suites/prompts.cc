// Texts of our own. Changing one changes what every saved figure means: add, do not edit.
#include "bench/suites/prompts.h"

#include "bench/sweep/case.h"
#include "engine/base/content_hash.h"

namespace qwench::bench {

const std::vector<Prompt>& throughput_prompts() {
  static const std::vector<Prompt> prompts = {
      {"quantum_computing", "Say in plain words what quantum computing is."},
      {"fibonacci", "Write a Python function that returns the n-th Fibonacci number."},
      {"tcp_udp", "How does TCP differ from UDP?"},
      {"photosynthesis", "Tell me how photosynthesis works, step by step."},
      {"neural_network", "How does a neural network learn from examples?"},
  };
  return prompts;
}

namespace {

constexpr std::string_view kSpecification =
    "Take the technical specification below apart into fields: name, dimensions, weight, supply "
    "voltage, interfaces, operating range. Answer as JSON.\n"
    "The SN-40 data logger measures 120 x 80 x 35 mm and weighs 310 g. It runs from 9 to 30 V DC "
    "and draws at most 4 W. There are two RS-485 ports and one Ethernet port. It may be used "
    "between -20 and 60 degrees Celsius at up to 90 % humidity.";
constexpr std::string_view kContract =
    "List parties, subject, price, term and notice period of this contract as JSON.\n"
    "Northgate Mills Ltd., called the client, and Harrow Cleaning, called the contractor, agree "
    "that the contractor cleans the offices at 4 Mill Lane twice a week from 1 March 2025 for two "
    "years. The client pays 480 pounds a month. Either side may end the agreement with three "
    "months' notice in writing.";
constexpr std::string_view kFinancialReport =
    "Extract revenue, cost, profit, growth and outlook from this financial report as JSON.\n"
    "In the third quarter revenue rose by 12 % to 84.6 million. Cost of sales was 51.3 million "
    "and other expense 18.2 million, so that operating profit came to 15.1 million. For the full "
    "year the board expects revenue between 330 and 340 million.";

std::vector<PromptCategory> make_categories() {
  return {
      {"short_generation",
       32,
       {{"ai", "Sum up in three sentences what artificial intelligence is."},
        {"quantum_computing", "Sum up in three sentences what quantum computing is."},
        {"renewable_energy", "Sum up in three sentences what renewable energy is."}}},
      {"medium_generation",
       64,
       {{"machine_learning",
         "Write a guide to the common machine learning algorithms: what each is for, and when "
         "another is the better choice."},
        {"climate", "Describe what a changing climate does to farming, cities and the sea."},
        {"business_plan",
         "Draft a business plan for a small firm that repairs bicycles: market, costs, people, "
         "first year."}}},
      {"long_generation",
       128,
       {{"distributed_system",
         "Write the documentation of a distributed key-value store: architecture, replication, "
         "interface, configuration, operation and failure handling, each in a section of its own."},
        {"nlp",
         "Write a paper on how language processing evolved from rules over statistics to neural "
         "networks, with the ideas that carried each step and what remained unsolved."},
        {"curriculum",
         "Lay out a one-year curriculum for machine learning, week by week, with goals, exercises "
         "and a test at the end of each block."}}},
      {"code_generation",
       64,
       {{"binary_search",
         "Write a binary search over a sorted list in Python, with tests for the empty list and "
         "for values that are missing."},
        {"web_service",
         "Write a FastAPI service with login by token and a PostgreSQL table of notes: create, "
         "read, change, delete."},
        {"numpy_network",
         "Write a neural network with one hidden layer in NumPy: forward pass, backward pass and "
         "a training loop."}}},
      {"structured_extraction",
       48,
       {{"specification", kSpecification},
        {"contract", kContract},
        {"financial_report", kFinancialReport}}},
  };
}

}  // namespace

const std::vector<PromptCategory>& prompt_categories() {
  static const std::vector<PromptCategory> categories = make_categories();
  return categories;
}

const std::vector<RepeatedPhrase>& stress_phrases() {
  static const std::vector<RepeatedPhrase> phrases = {
      {{"quantum_mechanics", "A particle is described by its wave function until measured. "}, 100},
      {{"manual", "Switch the device off before you open the cover, then wait one minute. "}, 50},
      {{"documentation", "The function returns an error code, or zero when all is well. "}, 200},
  };
  return phrases;
}

int64_t stated_tokens(std::string_view text) {
  return std::max<int64_t>(1, (int64_t(text.size()) + 3) / 4);
}

std::vector<int32_t> prompt_ids(SuiteContext& context, std::string_view text, int64_t times) {
  const TextModel& model = context.text();
  if (!model.tokenizer) {
    ContentHash hash;
    hash.add(text.data(), int64_t(text.size()));
    return random_ids(stated_tokens(text) * times, context.checkpoint().config().vocab,
                      hash.value() ^ context.options().model.seed);
  }
  std::string repeated;
  for (int64_t i = 0; i < times; ++i) repeated += text;
  std::vector<int32_t> ids = model.tokenizer->encode(repeated);
  check_token_ids(ids, context.checkpoint().config().vocab);
  return ids;
}

std::string prompt_source(SuiteContext& context) {
  if (context.text().tokenizer) return "texts, by the model's tokenizer";
  return "no tokenizer: random ids of a fixed seed, four bytes of text a token";
}

}  // namespace qwench::bench
