// Malformed GGUF files, one case per id of the catalogue; here the file and its key-values (G01-G17,
// G30). Each is an Error that names file, field and byte, quickly and in little memory.
#include "engine/checkpoint/gguf.h"

#include "engine/checkpoint/gguf_config.h"
#include "tests/checkpoint/gguf_refusal.h"

using namespace qwench;
using namespace qwench::test;

namespace {

std::string with_value(const std::string& value) {
  GgufBytes f = small_model();
  f.values.push_back(value);
  return f.file();
}

/// Header and config from memory.
void parse(const std::string& bytes) {
  const auto read = [&](int64_t offset, int64_t n, char* to) {
    REQUIRE(offset + n <= int64_t(bytes.size()));
    std::copy_n(bytes.data() + offset, n, to);
  };
  read_gguf_config(GgufHeader(read, int64_t(bytes.size()), "f.gguf"), {4, true, DType::kF32});
}

}  // namespace

TEST_CASE("a sound small file opens, in versions 2 and 3") {
  GgufBytes f = small_model();
  CHECK(said(f.file()) == "");
  f.version = 2;
  CHECK(said(f.file()) == "");
  while (f.data.size() > 32 * 4 * 4) f.data.pop_back();
  CHECK(said(f.file()) == "");
}

TEST_CASE("G01, G02: an empty file, three bytes") {
  CHECK_SAYS("", "magic at byte 0: expected 4 bytes, got 0");
  CHECK_SAYS("GGU", "magic at byte 0: expected 4 bytes, got 3");
}

TEST_CASE("G03: another magic, and one that is not fit for a terminal") {
  CHECK_SAYS("GGML" + std::string(40, '\0'), "expected 'GGUF', got 'GGML'");
  const std::string odd = said(std::string("\x1b[2J", 4) + std::string(40, '\0'));
  CHECK(odd.find('\x1b') == std::string::npos);
  CHECK(odd.find("not a GGUF file") != std::string::npos);
}

TEST_CASE("G04: versions that are not 2 or 3") {
  GgufBytes f = small_model();
  for (const uint32_t version : {0u, 1u, 4u, 0xffffffffu}) {
    f.version = version;
    CHECK_SAYS(f.file(), fmt::format("version at byte 4: expected 2 or 3, got {}", version));
  }
  f.version = 0x03000000;
  CHECK_SAYS(f.file(), "big-endian");
}

TEST_CASE("G05, G06, G07: counts that the file cannot hold") {
  for (const uint64_t lie :
       {uint64_t(1) << 63, UINT64_MAX - 100, UINT64_MAX / 33, uint64_t(1000)}) {
    GgufBytes tensors = small_model(), values = small_model();
    tensors.extra_tensors = lie;
    CHECK_SAYS(tensors.file(), "number of tensors at byte 8: expected at most");
    values.extra_values = lie;
    CHECK_SAYS(values.file(), "number of key-values at byte 16: expected at most");
  }
  GgufBytes one_more = small_model();
  one_more.extra_values = 1;  // the first tensor is read as a key-value
  CHECK(said(one_more.file()) != "");
  one_more.extra_values = 0;
  one_more.extra_tensors = 1;
  CHECK(said(one_more.file()) != "");
}

TEST_CASE("G05, G06: more entries than any model has are refused before they are stored") {
  GgufBytes f;
  f.extra_values = 70000;
  f.data.assign(2 << 20, '\0');
  CHECK_SAYS(f.file(), "expected at most 65536, got 70000");
}

TEST_CASE("G08: key lengths beyond the file") {
  const auto key = [](uint64_t length) {
    GgufBytes f;
    f.values = {le(length) + "general.architecture"};
    return f.file();
  };
  for (const uint64_t length : {uint64_t(1) << 63, UINT64_MAX, UINT64_MAX - 7, uint64_t(1000)})
    CHECK_SAYS(key(length), fmt::format("key 0 at byte 32: expected {} bytes", length));
  GgufBytes exact;
  exact.values = {text("ab")};
  const std::string bytes = exact.header();
  CHECK(said(bytes + std::string(4, '\0')) != "");
}

TEST_CASE("G09, G10: keys that are empty, long or not printable ASCII") {
  CHECK_SAYS(with_value(kv_u32("", 1)), "key 11 at byte");
  CHECK_SAYS(with_value(kv_u32("", 1)), "expected 1 to 65535 bytes, got 0");
  for (const std::string& key : {std::string("a\0b", 3), std::string("\xff\xfe"),
                                 std::string("caf\xc3\xa9"), std::string("a b"), std::string("\n")})
    CHECK_SAYS(with_value(kv_u32(key, 1)), "expected printable ASCII");
  CHECK_SAYS(with_value(kv_u32(std::string(1 << 20, 'k'), 1)), "got 1048576");
  CHECK(said(with_value(kv_u32(std::string(65535, 'k'), 1))) == "");
}

TEST_CASE("G11: the same key twice") {
  CHECK_SAYS(with_value(kv_u32("qwen3.block_count", 2)), "key 'qwen3.block_count' at byte");
  CHECK_SAYS(with_value(kv_u32("qwen3.block_count", 2)), "there twice");
}

TEST_CASE("G12: types of values that do not exist") {
  for (const uint32_t type : {13u, 0xffffffffu, 0x80000000u})
    CHECK_SAYS(with_value(kv("k", type, le(uint64_t(0)))),
               fmt::format("expected a value type from 0 to 12, got {}", type));
  CHECK_SAYS(with_value(kv("k", 9, le(uint32_t(13)) + le(uint64_t(0)))), "got 13");
}

TEST_CASE("G13: arrays of arrays, however deep") {
  for (const int depth : {1, 10, 100000}) {
    std::string value;
    for (int i = 0; i < depth; ++i) value += le(uint32_t(9)) + le(uint64_t(1));
    CHECK_SAYS(with_value(kv("k", 9, value + le(uint32_t(4)) + le(uint64_t(0)))),
               "arrays of arrays are not supported");
  }
}

TEST_CASE("G14: array counts whose product with the element size wraps") {
  for (const uint32_t type : {0u, 4u, 8u, 10u, 12u})
    for (const uint64_t count : {uint64_t(1) << 61, uint64_t(1) << 63, UINT64_MAX, UINT64_MAX / 8})
      CHECK_SAYS(with_value(kv("k", 9, le(type) + le(count))), "key 'k' at byte");
}

TEST_CASE("G15: strings of an array that go past the end") {
  const std::string cut = le(uint32_t(8)) + le(uint64_t(3)) + text("a") + le(uint64_t(5000));
  CHECK_SAYS(with_value(kv("k", 9, cut)), "expected 5000 bytes, got");
  const std::string wraps = le(uint32_t(8)) + le(uint64_t(2)) + text("a") + le(UINT64_MAX - 3);
  CHECK_SAYS(with_value(kv("k", 9, wraps)), "the file is truncated or damaged");
}

TEST_CASE("G16: a bool is 0 or 1") {
  CHECK_SAYS(with_value(kv("k", 7, "\x02")), "expected a bool of 0 or 1, got 2");
  CHECK_SAYS(with_value(kv("k", 9, le(uint32_t(7)) + le(uint64_t(2)) + "\x01\xff")), "got 255");
  CHECK(said(with_value(kv("k", 7, "\x01"))) == "");
}

TEST_CASE("G17: alignments that are none") {
  const char* const kKey = "general.alignment";
  for (const uint32_t alignment : {0u, 1u, 3u, 33u, 1u << 31, 1u << 21, 0xffffffffu})
    CHECK_SAYS(with_value(kv_u32(kKey, alignment)), "expected a power of two from 8 to 1048576");
  CHECK_SAYS(with_value(kv(kKey, 5, le(int32_t(32)))), "expected a value of type u32, got i32");
  CHECK_SAYS(with_value(kv_text(kKey, "32")), "expected a value of type u32, got string");
  CHECK_SAYS(with_value(kv_i32s(kKey, {32})), "expected a value of type u32, got array");
  for (const uint32_t alignment : {8u, 64u, 4096u}) {
    GgufBytes f = small_model();
    f.values.push_back(kv_u32(kKey, alignment));
    f.alignment = alignment;
    CHECK(said(f.file()) == "");
  }
}

TEST_CASE("G30: the architecture is missing, no string, or another one") {
  GgufBytes f = small_model();
  f.values.erase(f.values.begin());
  CHECK_SAYS(f.file(), "key 'general.architecture' is missing");
  f.values.push_back(kv_u32("general.architecture", 3));
  CHECK_SAYS(f.file(), "expected a string, got a value of type u32");
  for (const char* name : {"llama", "qwen3moe", "qwen2vl", "qwen35", "", "qwen3\n"}) {
    f.values.back() = kv_text("general.architecture", name);
    CHECK_SAYS(f.file(), "expected 'qwen2' (Qwen2, Qwen2.5) or 'qwen3'");
  }
}

TEST_CASE("a file that is cut anywhere, or has any byte of its header changed, is never believed") {
  GgufBytes f = small_model();
  f.values.push_back(kv_texts("tokenizer.ggml.tokens", {"a", "b"}));
  f.values.push_back(kv("general.flag", 7, "\x01"));
  const std::string whole = f.file();
  for (size_t cut = 0; cut < whole.size(); ++cut)
    CHECK_THROWS_AS(parse(whole.substr(0, cut)), Error);
  for (size_t at = 0; at < f.header().size(); ++at)
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = char(uint8_t(changed[at]) ^ flip);
      try {
        parse(changed);
      } catch (const Error&) {  // anything else, a read past the end or a crash fails
      }
    }
}
