// Malformed GGUF files, one case per id of the catalogue; here the tensor infos and the data (G18-G29,
// G32). Each is an Error that names file, field and byte, quickly and in little memory.
#include "engine/checkpoint/gguf.h"

#include "tests/checkpoint/gguf_refusal.h"

using namespace qwench;
using namespace qwench::test;

namespace {

std::string with_tensors(const std::vector<std::string>& tensors, size_t data) {
  GgufBytes f;
  f.values = small_keys();
  f.tensors = tensors;
  f.data.assign(data, '\0');
  return f.file();
}
std::string with_tensor(const std::string& info, size_t data = 512) {
  return with_tensors({info}, data);
}
/// A tensor named t of type F32 whose dimensions are under test.
std::string with_dims(const std::vector<uint64_t>& dims, uint32_t type = 0) {
  return with_tensor(tensor("t", dims, type, 0));
}

}  // namespace

TEST_CASE("G18: names of tensors") {
  const auto named = [](const std::string& name) {
    return with_tensor(tensor(name, {32, 4}, 0, 0));
  };
  CHECK_SAYS(named(""), "tensor 0: name at byte");
  CHECK_SAYS(named(""), "expected 1 to 63 bytes, got 0");
  CHECK_SAYS(named(std::string(64, 'n')), "expected 1 to 63 bytes, got 64");
  CHECK_SAYS(named(std::string(63, 'n')), "expected only tensors of a text model");
  CHECK_SAYS(named(std::string("a\0b", 3)), "expected no NUL");
  GgufBytes f = small_model();
  f.tensors = {le(uint64_t(1) << 32) + "x"};
  CHECK_SAYS(f.file(), "expected 4294967296 bytes");
  const std::string twice = with_tensors(
      {tensor("output_norm.weight", {8}, 0, 0), tensor("output_norm.weight", {8}, 0, 32)}, 64);
  CHECK_SAYS(twice, "tensor 'output_norm.weight' is there twice");
}

TEST_CASE("G19: numbers of dimensions") {
  CHECK_SAYS(with_dims({}), "expected 1 to 4 dimensions, got 0");
  CHECK_SAYS(with_dims({1, 1, 1, 1, 1}), "expected 1 to 4 dimensions, got 5");
  const std::string many = text("t") + le(UINT32_MAX) + std::string(64, '\1');
  CHECK_SAYS(with_tensor(many), "expected 1 to 4 dimensions, got 4294967295");
}

TEST_CASE("G20: dimensions that are none") {
  for (const uint64_t dim : {uint64_t(0), UINT64_MAX, uint64_t(1) << 63}) {
    CHECK_SAYS(with_dims({dim}),
               fmt::format("expected a dimension from 1 to 2^63 - 1, got {}", dim));
    CHECK_SAYS(with_dims({32, dim}), "tensor 't' at byte");
  }
}

TEST_CASE("G21: products of dimensions that wrap to zero, below it or to something small") {
  const uint64_t kBig = uint64_t(1) << 32;
  const std::vector<std::vector<uint64_t>> wraps = {{kBig, kBig},
                                                    {uint64_t(1) << 62, 4},
                                                    {kBig, kBig / 2},
                                                    {uint64_t(INT64_MAX), 2},
                                                    {4194305, 4194305, 211106198978564}};
  for (const auto& dims : wraps) CHECK_SAYS(with_dims(dims), "does not fit in 64 bits");
}

TEST_CASE("G22, G23: bytes that wrap though the elements do not, alone or with their padding") {
  CHECK_SAYS(with_dims({uint64_t(1) << 61, 2}), "does not fit in 64 bits");
  CHECK_SAYS(with_dims({4, (1u << 30) - 1, (1u << 30) + 1}), "does not fit in 64 bits");
  // 2^63 - 8 bytes: they fit, the padding after them does not
  CHECK_SAYS(with_dims({(uint64_t(1) << 62) - 4}, 1), "does not fit in 64 bits");
}

TEST_CASE("G24: sizes whose sum wraps") {
  const uint64_t half = (uint64_t(1) << 62) - 32;  // F16: 2^63 - 64 bytes
  CHECK_SAYS(with_tensors({tensor("a", {half}, 1, 0), tensor("b", {half}, 1, half * 2)}, 64),
             "does not fit in 64 bits");
}

TEST_CASE("G25: rows that are not whole blocks") {
  for (const uint32_t type : {2u, 8u, 12u, 14u, 20u})
    CHECK_SAYS(with_dims({33, 4}, type), "expected rows of whole");
  CHECK_SAYS(with_dims({128, 2}, 12), "expected rows of whole Q4_K blocks of 256, got rows of 128");
}

TEST_CASE("G26: types that were removed, never were, or cannot be decoded") {
  for (const uint32_t type :
       {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u, 43u, 97u, 133u, 200u, UINT32_MAX})
    CHECK_SAYS(with_dims({32, 4}, type),
               fmt::format("(id {}) is not supported; supported are F32", type));
  CHECK_SAYS(with_dims({256, 4}, 16), "type IQ2_XXS (id 16) is not supported");
}

TEST_CASE("G27: offsets that are not where the tensor must be") {
  const auto second_at = [](uint64_t offset) {
    return with_tensors(
        {tensor("token_embd.weight", {32, 4}, 0, 0), tensor("output_norm.weight", {32}, 0, offset)},
        512 + 128);
  };
  CHECK(said(second_at(512)) == "");
  const std::vector<uint64_t> wrong = {
      0, 1, 480, 511, 513, 544, uint64_t(1) << 40, uint64_t(1) << 63, UINT64_MAX, UINT64_MAX - 127};
  for (const uint64_t offset : wrong)
    CHECK_SAYS(second_at(offset), fmt::format("expected offset 512 (tensors follow one another, "
                                              "aligned to 32), got {}",
                                              offset));
  CHECK_SAYS(with_tensor(tensor("t", {8}, 0, 32)), "expected offset 0");
}

TEST_CASE("G28, G29: data that is short by a byte, and bytes after it") {
  GgufBytes f = small_model();
  f.data.pop_back();
  CHECK_SAYS(f.file(), "it is truncated");
  f.data += std::string(1 + 1, '\0');
  CHECK_SAYS(f.file(), "got 1 more bytes");
  f.data += "PK\x03\x04";
  CHECK_SAYS(f.file(), "something was added to it");
}

TEST_CASE("G32: no tensor, and data that would start after the end") {
  GgufBytes f;
  f.values = small_keys();
  f.values.push_back(kv_text("general.name", "m"));
  const std::string header = f.header();
  REQUIRE(header.size() % 32 != 0);
  CHECK_SAYS(header, "expected data to start at byte");
  CHECK_SAYS(f.file(), "'token_embd.weight' is missing");
}
