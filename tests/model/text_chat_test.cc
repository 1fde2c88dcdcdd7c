// From messages to text: rendering, ids, greedy tokens and decoded text are those of transformers.
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/base/json.h"
#include "engine/text/chat.h"
#include "engine/text/sampler.h"
#include "engine/text/tokenizer.h"
#include "tests/support/test_model.h"

using namespace qwench;
using namespace qwench::test;

namespace {

std::string rendered(const Json& c, const std::string& folder, const ModelConfig& config) {
  if (c.at("messages").is_null()) return c.at("prompt").get<std::string>();
  Thinking thinking = Thinking::kDefault;
  if (c.contains("enable_thinking"))
    thinking = c.at("enable_thinking").get<bool>() ? Thinking::kOn : Thinking::kOff;
  return render_chat(detect_chat_template(folder, config.model_type),
                     read_messages(c.at("messages"), "test"), true, thinking)
      .text;
}

}  // namespace

TEST_CASE("messages become the text, ids and greedy continuation that transformers produces") {
  const std::string folder = data_folder("text-chat/qwen3-chat-bf16");
  const Json expected = parse_json_file(folder + "/expected.json");
  const auto tokenizer = open_tokenizer(folder);
  REQUIRE(tokenizer);
  for (const char* kernels : {"", "reference"}) {
    const TestModel m(folder, kernels);
    for (const Json& c : expected.at("cases")) {
      const std::string text = rendered(c, folder, m.model.config);
      CHECK(text == c.at("rendered").get<std::string>());
      const std::vector<int32_t> ids = tokenizer->encode(text);
      CHECK(ids == c.at("prompt_ids").get<std::vector<int32_t>>());
      const auto continuation = c.at("greedy_ids").get<std::vector<int32_t>>();
      CHECK(greedy(m, ids, int64_t(continuation.size())) == continuation);
      std::vector<int32_t> known;  // the recorded argmax also hits padding rows, which have no text
      for (int32_t id : continuation)
        if (id < tokenizer->size()) known.push_back(id);
      CHECK(tokenizer->decode(known, true) == c.at("text").get<std::string>());
      if (!c.at("stopped_at_eos").get<bool>()) continue;
      const std::vector<int32_t> eos = read_generation_config(folder).eos_ids;
      CHECK(std::count(eos.begin(), eos.end(), continuation.back()) == 1);
    }
  }
}
