// Shape cards: the published number of weights of every released dense size, and names nearly
// right.
#include "engine/checkpoint/shape_card.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "engine/base/check.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/random.h"

using namespace qwench;

namespace {
struct Published {
  const char* name;
  int64_t parameters;
};
// As published with the checkpoints, not from our own formula.
constexpr Published kPublished[] = {
    {"qwen2.5-0.5b", 494032768},  {"qwen2.5-1.5b", 1543714304}, {"qwen2.5-3b", 3085938688},
    {"qwen2.5-7b", 7615616512},   {"qwen2.5-14b", 14770033664}, {"qwen2.5-32b", 32763876352},
    {"qwen2.5-72b", 72706203648}, {"qwen3-0.6b", 596049920},    {"qwen3-1.7b", 1720574976},
    {"qwen3-4b", 4022468096},     {"qwen3-8b", 8190735360},     {"qwen3-14b", 14768307200},
    {"qwen3-32b", 32762123264},
};
}  // namespace

TEST_CASE("every card has the published number of weights, and so have its tensors") {
  CHECK(kShapeCardCount == std::size(kPublished));
  for (const Published& published : kPublished) {
    CAPTURE(published.name);
    const ShapeCard* card = find_shape_card(published.name);
    REQUIRE(card != nullptr);
    const ModelConfig config = read_shape_card(*card);
    CHECK(config.parameters() == published.parameters);
    int64_t elements = 0;
    for (const TensorInfo& t : expected_tensors(config, DType::kBF16)) elements += t.shape.count();
    CHECK(elements == published.parameters);
    CHECK(config.stored_dtype == DType::kBF16);
  }
}

TEST_CASE("a card whose sizes do not give its parameters is refused") {
  std::string text = find_shape_card("qwen3-0.6b")->json;
  text.replace(text.find("596049920"), 9, "596049921");
  const ShapeCard changed{"changed", text.c_str()};
  CHECK_THROWS_WITH_AS(read_shape_card(changed),
                       doctest::Contains("expected 596049920 from the sizes, got 596049921"),
                       Error);
}

TEST_CASE("card names are sorted, and a card opens as random weights") {
  const std::vector<std::string> names = shape_card_names();
  CHECK(std::is_sorted(names.begin(), names.end()));
  for (const std::string& name : names) {
    const auto checkpoint = open_checkpoint(name, {});
    CHECK(checkpoint->is_random());
    CHECK(checkpoint->path() == name);
  }
}

TEST_CASE("a name nearly right is answered with the cards it is near to") {
  CHECK(near_shape_cards("qwen3-0.7b").at(0) == "qwen3-0.6b");
  CHECK(near_shape_cards("Qwen/Qwen3-8B") == std::vector<std::string>{"qwen3-8b"});
  CHECK(near_shape_cards("qwen2.5_3B") == std::vector<std::string>{"qwen2.5-3b"});
  CHECK(near_shape_cards("gpt2").empty());
  CHECK(near_shape_cards(std::string(100000, 'q')).empty());
  CHECK_THROWS_WITH_AS((void)open_checkpoint("qwen3-0.6", {}),
                       doctest::Contains("did you mean qwen3-0.6b"), UsageError);
  CHECK_THROWS_WITH_AS((void)open_checkpoint("/no/such/folder", {}),
                       doctest::Contains("lists what there is"), UsageError);
  CHECK_THROWS_WITH_AS((void)open_checkpoint("", {}), doctest::Contains("got ''"), UsageError);
}
