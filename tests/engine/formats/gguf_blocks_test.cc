// Every block type that a GGUF file may hold against what PyPI's gguf makes of the same bytes.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "engine/checkpoint/safetensors.h"
#include "engine/formats/gguf_types.h"
#include "engine/formats/q4_0.h"
#include "engine/formats/q8_0.h"

using namespace qwench;

namespace {

constexpr const char* kBlocks = QWENCH_SOURCE_DIR "/tests/data/quantize/blocks.safetensors";
constexpr const char* kInFixture[] = {"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1",   "Q2_K",
                                      "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"};

template <class T>
std::vector<T> read_all(const SafetensorsFile& file, const std::string& name) {
  const StoredTensor* tensor = file.find(name);
  REQUIRE_MESSAGE(tensor, name);
  const int64_t bytes = tensor->end - tensor->begin;
  std::vector<T> values(size_t(bytes) / sizeof(T));
  file.read(*tensor, 0, bytes, values.data());
  return values;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<float> decode(const GgufType& type, const uint8_t* from, size_t n) {
  std::vector<float> values(n);
  type.decode(from, int64_t(n), values.data());
  return values;
}

}  // namespace

TEST_CASE("every block type decodes to the bits that gguf-py computes, from any alignment") {
  const SafetensorsFile file(kBlocks);
  for (const std::string name : kInFixture) {
    CAPTURE(name);
    const GgufType* type = find_gguf_type(name);
    REQUIRE(type);
    const auto blocks = read_all<uint8_t>(file, "blocks." + name);
    const auto expected = read_all<float>(file, "values." + name);
    REQUIRE(type->bytes(int64_t(expected.size())) == int64_t(blocks.size()));
    for (size_t offset = 0; offset < 4; ++offset) {
      std::vector<uint8_t> shifted(offset, 0xff);
      shifted.insert(shifted.end(), blocks.begin(), blocks.end());
      CHECK(same_bits(decode(*type, shifted.data() + offset, expected.size()), expected));
    }
  }
}

TEST_CASE("a flipped bit in any byte of the blocks changes what they decode to") {
  const SafetensorsFile file(kBlocks);
  for (const std::string name : kInFixture) {
    CAPTURE(name);
    const GgufType& type = *find_gguf_type(name);
    const auto size = size_t(type.block_bytes);
    const auto expected = read_all<float>(file, "values." + name);
    const auto blocks = read_all<uint8_t>(file, "blocks." + name);
    for (size_t byte = 0; byte < size; ++byte) {
      CAPTURE(byte);
      auto flipped = blocks;  // in every block: a scale of 0 hides what it multiplies
      for (size_t at = byte; at < flipped.size(); at += size) flipped[at] ^= 8;
      CHECK_FALSE(same_bits(decode(type, flipped.data(), expected.size()), expected));
    }
  }
}

TEST_CASE("blocks of any bytes decode, infinite and NaN scales to infinity and NaN") {
  for (const std::string name : kInFixture) {
    CAPTURE(name);
    const GgufType& type = *find_gguf_type(name);
    std::vector<uint8_t> block(size_t(type.block_bytes), 0xff);  // every f16 in it is NaN
    for (float value : decode(type, block.data(), size_t(type.block_elements)))
      CHECK(std::isnan(value));
  }
}

TEST_CASE("floats decode as they are and as the engine converts them") {
  const std::vector<float> values = {0, -0.0f, 1.5f, -3.25f, 65504, 6e-8f};
  for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const GgufType* type = nullptr;
    for (uint32_t id : {0u, 1u, 30u})
      if (find_gguf_type(id)->dtype == dtype) type = find_gguf_type(id);
    REQUIRE(type);
    CAPTURE(type->name);
    std::vector<uint8_t> stored(size_t(type->bytes(6)) + 1);
    std::vector<float> expected(6);
    std::vector<uint8_t> aligned(stored.size());
    convert(values.data(), DType::kF32, aligned.data(), dtype, 6);
    convert(aligned.data(), dtype, expected.data(), DType::kF32, 6);
    std::memcpy(stored.data() + 1, aligned.data(), stored.size() - 1);
    CHECK(same_bits(decode(*type, stored.data() + 1, 6), expected));
  }
}

TEST_CASE("a type is found by its id and by its name, and the others are named when refused") {
  int found = 0;
  for (uint32_t id = 0; id < 300; ++id) {
    const GgufType* type = find_gguf_type(id);
    if (!type) continue;
    ++found;
    CHECK(type->id == id);
    CHECK(find_gguf_type(std::string(type->name)) == type);
    CHECK(name_of_gguf_type(id) == type->name);
    CHECK(gguf_type_names().find(type->name) != std::string::npos);
    if (type->dtype) CHECK(type->bytes(256) == row_bytes(*type->dtype, 256));
  }
  CHECK(found == 15);
  CHECK(find_gguf_type(16) == nullptr);
  CHECK(find_gguf_type("IQ2_XXS") == nullptr);
  CHECK(name_of_gguf_type(16) == "IQ2_XXS");
  CHECK(name_of_gguf_type(97) == "type 97");
}

TEST_CASE("q8_0 and q4_0 encode to the bytes that gguf-py writes: ties, denormals, huge weights") {
  const SafetensorsFile file(kBlocks);
  const auto weights = read_all<float>(file, "encode.weights");
  const auto q8_0 = read_all<uint8_t>(file, "encode.Q8_0");
  const auto q4_0 = read_all<uint8_t>(file, "encode.Q4_0");
  const size_t rows = weights.size() / 32;
  for (size_t row = 0; row < rows; ++row) {
    CAPTURE(row);
    BlockQ8_0 ours_8;
    encode_q8_0(&weights[row * 32], 32, &ours_8);
    CHECK(std::memcmp(&ours_8, &q8_0[row * sizeof ours_8], sizeof ours_8) == 0);
    BlockQ4_0 ours_4;
    encode_q4_0(&weights[row * 32], 32, nullptr, &ours_4);
    CHECK(std::memcmp(&ours_4, &q4_0[row * sizeof ours_4], sizeof ours_4) == 0);
  }
}
