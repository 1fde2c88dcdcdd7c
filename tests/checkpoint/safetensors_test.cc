// Malformed safetensors files, one case per id of the catalogue (S01-S15), and what is accepted.
#include "engine/checkpoint/safetensors.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <vector>

#include "engine/base/check.h"
#include "tests/support/peak_memory.h"
#include "tests/support/scratch.h"

using namespace qwench;
using test::safetensors_bytes;
using test::ScratchFolder;

#define CHECK_REFUSED(expression, words) \
  CHECK_THROWS_WITH_AS((void)(expression), doctest::Contains(words), Error)

namespace {

std::vector<StoredTensor> parse(const std::string& header, int64_t data) {
  return parse_safetensors_header(header, data, "f.safetensors");
}
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})", name, dtype, shape,
                     offsets);
}
/// A header of one tensor.
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "{" + entry("t", dtype, shape, offsets) + "}";
}
void open_bytes(const std::string& bytes) {
  const ScratchFolder folder;
  const std::string path = folder.write("f.safetensors", bytes);
  for (const bool mmap : {false, true}) SafetensorsFile(path, mmap);
}

}  // namespace

TEST_CASE("S01: fewer than 8 bytes") {
  for (const size_t n : {0, 1, 7}) CHECK_REFUSED(open_bytes(std::string(n, 'x')), "truncated");
}

TEST_CASE("S02: a header length that is not there") {
  CHECK_REFUSED(open_bytes(safetensors_bytes(0, "", 0)), "starts with '{'");
  CHECK_REFUSED(open_bytes(safetensors_bytes(1, "{", 0)), "not valid JSON");
  CHECK_REFUSED(open_bytes(safetensors_bytes(UINT64_MAX, "{}", 0)), "at most 100000000 bytes");
  CHECK_REFUSED(open_bytes(safetensors_bytes(UINT64_MAX - 7, "{}", 0)), "at most 100000000 bytes");
  CHECK_REFUSED(open_bytes(safetensors_bytes(100000001, "{}", 0)), "at most 100000000 bytes");
  CHECK_REFUSED(open_bytes(safetensors_bytes(1000, "{}", 0)), "truncated");
  CHECK_REFUSED(open_bytes(safetensors_bytes(3, "{}", 0)), "truncated");
  CHECK_NOTHROW(open_bytes(safetensors_bytes(2, "{}", 0)));
}

TEST_CASE("S03: a header that does not start with an object") {
  for (const char* header : {" {}", "[]", "\"{}\"", "null", "\n{}", "PK\x03\x04"})
    CHECK_REFUSED(parse(header, 0), "starts with '{'");
}

TEST_CASE("S04: invalid UTF-8, a lone surrogate, a byte order mark") {
  CHECK_REFUSED(parse("{\"\xff\":{}}", 0), "not valid JSON");
  CHECK_REFUSED(parse(R"({"\ud800":{}})", 0), "surrogate");
  CHECK_REFUSED(parse("\xef\xbb\xbf{}", 0), "starts with '{'");
}

TEST_CASE("S05: depth bombs, 200,000 tensors and padding end quickly") {
  const auto start = std::chrono::steady_clock::now();
  CHECK_REFUSED(parse("{\"t\":" + std::string(100000, '['), 0), "deeper than 3");
  CHECK_NOTHROW(parse("{}" + std::string(10000000, ' '), 0));
  std::string many = "{";
  for (int i = 0; i < 200000; ++i) many += fmt::format("{}\"k{}\":0", i ? "," : "", i);
  CHECK_REFUSED(parse(many + "}", 0), "expected an object, got 0");
  using Seconds = std::chrono::duration<double>;
  CHECK(Seconds(std::chrono::steady_clock::now() - start).count() <
        20);  // 8 s under sanitizers on a slow machine; what is quadratic takes minutes
}

TEST_CASE("S06: duplicate names and fields") {
  const std::string t = entry("t", "U8", "[1]", "[0,1]");
  CHECK_REFUSED(parse("{" + t + "," + t + "}", 1), "key 't' appears twice");
  CHECK_REFUSED(parse(R"({"t":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 1),
                "key 'dtype' appears twice");
}

TEST_CASE("S07: metadata holds strings only") {
  CHECK_NOTHROW(parse(R"({"__metadata__":{"format":"pt"}})", 0));
  CHECK_REFUSED(parse(R"({"__metadata__":{"format":1}})", 0), "expected a string, got 1");
  CHECK_REFUSED(parse(R"({"__metadata__":{"a":{"b":"c"}}})", 0), "expected a string");
  CHECK_REFUSED(parse(R"({"__metadata__":"pt"})", 0), "expected an object of strings");
  CHECK_REFUSED(parse(R"({"__metadata__":{},"__metadata__":{}})", 0), "appears twice");
  CHECK_NOTHROW(parse(R"({"__metadata__":null})", 0));  // as the reference implementation reads it
}

TEST_CASE("S08: types are those of the format, in its spelling, in whole bytes") {
  for (const char* dtype : {"f32", "Bf16", "FLOAT", "", "F128"})
    CHECK_REFUSED(parse(one(dtype, "[1]", "[0,4]"), 4), "expected a dtype");
  CHECK_REFUSED(parse(one("F4", "[3]", "[0,2]"), 2), "do not fill whole bytes");
  CHECK_NOTHROW(parse(one("F4", "[4]", "[0,2]"), 2));
  CHECK_REFUSED(parse(R"({"t":{"dtype":7,"shape":[1],"data_offsets":[0,1]}})", 1), "got 7");
  CHECK_REFUSED(parse(R"({"t":{"shape":[1],"data_offsets":[0,1]}})", 1), "'dtype' is missing");
  CHECK_REFUSED(parse(R"({"t":[1]})", 1), "expected an object");
}

TEST_CASE("S08: a type that cannot be computed with is refused when it is used") {
  for (const char* dtype : {"F8_E4M3", "I8", "U8", "BOOL"}) {
    const auto tensors = parse(one(dtype, "[2]", "[0,2]"), 2);
    CHECK_REFUSED(tensors[0].info("f"), fmt::format("got {}", dtype).c_str());
  }
  const auto many = parse(one("F32", "[1,1,1,1,1]", "[0,4]"), 4);
  CHECK_REFUSED(many[0].info("f"), "at most 4 dimensions, got 5");
  CHECK(parse(one("BF16", "[2,3]", "[0,12]"), 12)[0].info("f").shape == Shape{2, 3});
}

TEST_CASE("S09: dimensions that are not dimensions") {
  for (const char* shape : {"[-1]", "[1.0]", "[1e3]", "[18446744073709551616]", "[\"1\"]", "[null]",
                            "[9223372036854775808]", "[true]"})
    CHECK_REFUSED(parse(one("U8", shape, "[0,1]"), 1), "shape: expected an integer");
  std::string hundred = "[1";
  for (int i = 1; i < 100; ++i) hundred += ",1";
  CHECK_REFUSED(parse(one("U8", hundred + "]", "[0,1]"), 1), "got 100");
  CHECK_REFUSED(parse(one("U8", "3", "[0,3]"), 3), "shape: expected an array");
  CHECK_REFUSED(parse(R"({"t":{"dtype":"U8","data_offsets":[0,1]}})", 1), "'shape' is missing");
}

TEST_CASE("S10: shape products that wrap to something small") {
  for (const char* shape :
       {"[4294967296,4294967296]", "[4611686018427387904,4]", "[4294967296,2147483648]",
        "[9223372036854775807,2]", "[4194305,4194305,211106198978564]", "[2305843009213693952]"})
    for (const char* offsets : {"[0,0]", "[0,16]"})
      CHECK_REFUSED(parse(one("F32", shape, offsets), 16), "does not fit in 64 bits");
}

TEST_CASE("S11: offsets that are not a range of the data") {
  for (const char* offsets : {"[0]", "[0,4,8]", "[]"})
    CHECK_REFUSED(parse(one("U8", "[4]", offsets), 4), "expected 2 data_offsets");
  CHECK_REFUSED(parse(one("U8", "[4]", "[4,0]"), 4), "begin <= end");
  CHECK_REFUSED(parse(one("U8", "[5]", "[0,5]"), 4), "expected 5 bytes of data");
  CHECK_REFUSED(parse(one("F32", "[1]", "[0,3]"), 3), "expected 4 bytes");
  CHECK_REFUSED(parse(one("U8", "[4]", "[-4,0]"), 4), "got -4");
  CHECK_REFUSED(parse(one("U8", "[4]", "[0,18446744073709551615]"), 4), "data_offsets");
  CHECK_REFUSED(parse(one("U8", "[4]", "{}"), 4), "expected an array");
  CHECK_REFUSED(parse(one("U8", "[4]", "[0.0,4.0]"), 4), "expected an integer");
}

TEST_CASE("S12: tensors tile the data without overlap, hole or rest") {
  const auto two = [](const char* a, const char* b) {
    return "{" + entry("a", "U8", "[4]", a) + "," + entry("b", "U8", "[4]", b) + "}";
  };
  CHECK_NOTHROW(parse(two("[0,4]", "[4,8]"), 8));
  CHECK_NOTHROW(parse(two("[4,8]", "[0,4]"), 8));
  CHECK_REFUSED(parse(two("[0,4]", "[3,7]"), 7), "overlaps");
  CHECK_REFUSED(parse(two("[0,4]", "[0,4]"), 4), "overlaps");
  CHECK_REFUSED(parse(two("[0,4]", "[5,9]"), 9), "hole");
  CHECK_REFUSED(parse(two("[1,5]", "[5,9]"), 9), "hole");
  CHECK_REFUSED(parse(two("[0,4]", "[4,8]"), 9), "extra bytes");
  CHECK_REFUSED(open_bytes(safetensors_bytes("{}", 22)), "extra bytes");  // room for a zip's end
}

TEST_CASE("S13: an empty tensor lies at a boundary, never inside another") {
  const auto with_empty = [](const char* empty) {
    return "{" + entry("a", "U8", "[4]", "[0,4]") + "," + entry("b", "U8", "[4]", "[4,8]") + "," +
           entry("e", "F32", "[0]", empty) + "}";
  };
  for (const char* boundary : {"[0,0]", "[4,4]", "[8,8]"})
    CHECK_NOTHROW(parse(with_empty(boundary), 8));
  CHECK_REFUSED(parse(with_empty("[2,2]"), 8), "overlaps");
}

TEST_CASE("S14: a scalar has one element, [0] none") {
  CHECK(parse(one("F32", "[]", "[0,4]"), 4)[0].info("f").shape.count() == 1);
  CHECK(parse(one("F32", "[0]", "[0,0]"), 0)[0].info("f").shape.count() == 0);
  CHECK_REFUSED(parse(one("F32", "[]", "[0,0]"), 0), "expected 4 bytes");
  CHECK_REFUSED(parse(one("F32", "[0]", "[0,4]"), 4), "expected 0 bytes");
}

TEST_CASE("S15: a good header over data that is short by 2") {
  CHECK_REFUSED(open_bytes(safetensors_bytes(one("F32", "[4]", "[0,16]"), 14)),
                "expected 16 bytes of data as the header says, got 14: the file is truncated");
}

TEST_CASE("a file of another kind is named for what it is, not called damaged") {
  CHECK_REFUSED(open_bytes("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n"),
                "got a Git LFS pointer that stands for the file; run `git lfs pull`");
  CHECK_REFUSED(open_bytes("\xef\xbb\xbf \n<!DOCTYPE html>\n<html>"), "got a web page");
  CHECK_REFUSED(open_bytes("<?xml version=\"1.0\"?><Error>NoSuchKey</Error>"), "an error in XML");
  CHECK_REFUSED(open_bytes("Invalid username or password.\n"),
                "got the text 'Invalid username or password.'; download the file again");
  CHECK_REFUSED(open_bytes("PK\x03\x04 and the rest of an archive"), "got a zip archive");
  CHECK_REFUSED(open_bytes("\x1f\x8b\x08\x01\x02\x03\x04\x05\x06"), "got a gzip archive");
  CHECK_REFUSED(open_bytes(std::string(1000, '\0')), "a download that did not finish");
}

TEST_CASE("S05: a hostile header is refused at its first entry, without a copy of it in memory") {
  std::string header = R"({"a":[)";
  while (header.size() < 50000000) header += "{},";
  const int64_t before = test::peak_kib();
  CHECK_REFUSED(parse(header + "0]}", 0), "expected at most 65536 values in a member");
  std::string empty = "{";
  for (int i = 0; i < 500000; ++i) empty += entry(fmt::format("{}", i), "U8", "[0]", "[0,0]") + ",";
  CHECK_REFUSED(parse(empty, 0), "expected at most 262144 tensors, got more");
  CHECK(test::peak_kib() - before <
        450 * 1024 * test::kMemoryFactor);  // the texts, and 250 bytes for each tensor
}

TEST_CASE("what is written is read back, mapped or not, whole or in part") {
  const ScratchFolder folder;
  const std::string path = folder.file("out.safetensors");
  const std::vector<float> logits = {1, 2, 3, 4, 5, 6};
  const std::vector<int32_t> ids = {7, -8};
  const uint16_t half = 0x3c00;
  write_safetensors(path, {{{"logits", DType::kF32, {2, 3}}, logits.data()},
                           {{"ids", DType::kI32, {2}}, ids.data()},
                           {{"half", DType::kF16, {}}, &half}});
  for (const bool mmap : {false, true}) {
    const SafetensorsFile file(path, mmap);
    REQUIRE(file.tensors().size() == 3);
    CHECK(file.path() == path);
    CHECK(file.find("none") == nullptr);
    const StoredTensor* tensor = file.find("logits");
    REQUIRE(tensor != nullptr);
    CHECK(tensor->info(path).shape == Shape{2, 3});
    std::vector<float> back(6);
    file.read(*tensor, 0, 24, back.data());
    CHECK(back == logits);
    file.read(*tensor, 8, 4, back.data());
    CHECK(back[0] == 3);
    std::vector<int32_t> id_back(2);
    file.read(*file.find("ids"), 0, 8, id_back.data());
    CHECK(id_back == ids);
  }
}

TEST_CASE("weights overwritten while they are in use are an Error (F03)") {
  const ScratchFolder folder;
  const std::string path = folder.file("f.safetensors");
  const std::vector<float> values(1024, 1.0f);
  write_safetensors(path, {{{"t", DType::kF32, {1024}}, values.data()}});
  for (const bool mmap : {false, true}) {
    const SafetensorsFile file(path, mmap);
    usleep(20000);  // modification times advance in steps of a timer tick
    const int fd = open(path.c_str(), O_WRONLY);
    REQUIRE(pwrite(fd, "b", 1, 2000) == 1);
    close(fd);
    std::vector<float> back(1024);
    CHECK_REFUSED(file.read(*file.find("t"), 0, 4096, back.data()), "written to while in use");
  }
}
