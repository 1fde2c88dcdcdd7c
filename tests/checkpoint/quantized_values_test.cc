// What the bits of each scheme mean, on matrices small enough to work out by hand.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/base/check.h"
#include "engine/checkpoint/byte_weight.h"
#include "engine/formats/format.h"
#include "tests/checkpoint/edited_folder.h"

using namespace qwench;
using namespace qwench::test;

#define CHECK_REFUSED(expression, words) \
  CHECK_THROWS_WITH_AS((void)(expression), doctest::Contains(words), Error)

namespace {

const std::string kX = "model.layers.0.mlp.up_proj.";
using Floats = std::vector<float>;

EditedTensor words(std::vector<int64_t> shape, const std::vector<uint32_t>& values,
                   const char* dtype = "I32") {
  return {dtype, std::move(shape), bytes_of(values)};
}
EditedTensor floats(std::vector<int64_t> shape, const Floats& values) {
  return {"F32", std::move(shape), bytes_of(values)};
}
EditedTensor bytes(std::vector<int64_t> shape, const std::vector<int>& values, const char* dtype) {
  std::string data;
  for (const int v : values) data += char(uint8_t(v));
  return {dtype, std::move(shape), data};
}

Json ct_weights(const char* type, int bits, const char* strategy) {
  return {{"num_bits", bits}, {"type", type}, {"strategy", strategy}, {"symmetric", true}};
}
EditedFolder ct_folder(const char* format, const Json& weights) {
  return EditedFolder("quantization_config",
                      {{"quant_method", "compressed-tensors"},
                       {"format", format},
                       {"config_groups", {{"group_0", {{"weights", weights}}}}}});
}

Floats column(const Floats& matrix, size_t cols, size_t c) {
  Floats out;
  for (size_t i = c; i < matrix.size(); i += cols) out.push_back(matrix[i]);
  return out;
}

}  // namespace

TEST_CASE("GPTQ: inputs along the words, low bits first, zeros of v1 are one less") {
  EditedFolder folder("quantization_config",
                      {{"quant_method", "gptq"}, {"bits", 4}, {"group_size", 8}});
  // 16 inputs in 2 groups, 8 outputs; input i of output 0 holds i % 8, all others 8
  std::vector<uint32_t> q(16, 0x88888888u);
  q[0] = q[8] = 0x76543210u;
  folder.tensors[kX + "qweight"] = words({2, 8}, q);
  folder.tensors[kX + "qzeros"] = words({2, 1}, {0x77777770u, 0x77777772u});  // output 0: 1 and 3
  folder.tensors[kX + "scales"] = floats({2, 8}, {2, 1, 1, 1, 1, 1, 1, 1, 10, 1, 1, 1, 1, 1, 1, 1});
  const Floats v1 = folder.read(kX + "weight");
  CHECK(Floats(v1.begin(), v1.begin() + 16) ==
        Floats{-2, 0, 2, 4, 6, 8, 10, 12, -30, -20, -10, 0, 10, 20, 30, 40});
  CHECK(Floats(v1.begin() + 16, v1.end()) == Floats(7 * 16, 0.0f));
  folder.options()["checkpoint_format"] = "gptq_v2";
  CHECK(folder.read(kX + "weight")[1] == 2);
  folder.options()["checkpoint_format"] = "gptq";
  folder.tensors[kX + "g_idx"] = words({16}, {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  const Floats ordered = folder.read(kX + "weight");
  CHECK(ordered[0] == -30);
  CHECK(ordered[8] == -2);
  CHECK(ordered[15] == 40);
}

TEST_CASE("GPTQ: a zero point of 0 in v1 borrows from its neighbour, which is undone") {
  EditedFolder folder("quantization_config",
                      {{"quant_method", "gptq"}, {"bits", 8}, {"group_size", -1}});
  folder.tensors[kX + "qweight"] =
      words({1, 4}, {0x05050505u, 0x05050505u, 0x05050505u, 0x05050505u});
  folder.tensors[kX + "qzeros"] = words({1, 1}, {0x04030200u - 0x01010101u});  // zeros 0, 2, 3, 4
  folder.tensors[kX + "scales"] = floats({1, 4}, {1, 1, 1, 1});
  CHECK(column(folder.read(kX + "weight"), 4, 3) == Floats{5, 3, 2, 1});
}

TEST_CASE("GPTQ: symmetric groups of 32 are q4_0 bit for bit, anything else stays f32") {
  EditedFolder folder("quantization_config",
                      {{"quant_method", "gptq"}, {"bits", 4}, {"group_size", 32}});
  std::vector<uint32_t> q(8 * 8, 0xfedcba98u);
  for (size_t i = 0; i < q.size(); i += 2) q[i] = 0x76543210u;
  const std::string scales = kX + "scales", zeros = kX + "qzeros";
  folder.tensors[kX + "qweight"] = words({8, 8}, q);
  folder.tensors[zeros] = words({2, 1}, {0x77777777u, 0x77777777u});
  folder.tensors[scales] =
      floats({2, 8}, {0.5f, 3, 0, 0, -0.0f, -6, -7, 8, 9, 1, 1, 1, 1, 1, 1, 0.25f});
  const auto dtype = [&] { return folder.open().find(kX + "weight")->dtype; };
  REQUIRE(dtype() == DType::kQ4_0);
  std::vector<char> blocks(size_t(8 * row_bytes(DType::kQ4_0, 64)));
  Floats held(8 * 64);
  const FolderCheckpoint checkpoint = folder.open();
  CHECK(checkpoint.config().stored_dtype == DType::kQ4_0);
  checkpoint.read(*checkpoint.find(kX + "weight"), 0, 8 * 64, blocks.data());
  convert_rows(blocks.data(), DType::kQ4_0, held.data(), DType::kF32, 8, 64);
  folder.tensors[scales].data[0] = 1;  // 0.5 with a bit that f16 has no room for
  CHECK(dtype() == DType::kF32);
  folder.tensors[scales].data[0] = 0;
  folder.tensors[kX + "g_idx"] = words({64}, std::vector<uint32_t>(64, 0));
  CHECK(dtype() == DType::kF32);
  folder.tensors.erase(kX + "g_idx");
  folder.tensors[zeros] = words({2, 1}, {0x77777777u, 0x77777776u});
  CHECK(dtype() == DType::kF32);
  Floats decoded = folder.read(kX + "weight");
  for (size_t i = 32; i < 64; ++i) decoded[i] -= 9;  // output 0, group 1: the zero point 7
  CHECK(decoded == held);
  // the bits too, where a scale of zero or below makes some of the zeros negative
  CHECK(std::memcmp(decoded.data() + 64, held.data() + 64, 7 * 64 * 4) == 0);
}

TEST_CASE("AWQ: outputs along the words in the order 0 2 4 6 1 3 5 7, zeros as they are") {
  EditedFolder folder(
      "quantization_config",
      {{"quant_method", "awq"}, {"bits", 4}, {"group_size", 8}, {"version", "GEMM"}});
  folder.tensors[kX + "qweight"] = words({8, 1}, std::vector<uint32_t>(8, 0x75316420u));
  folder.tensors[kX + "qzeros"] = words({1, 1}, {0x11111112u});  // 2 for output 0, 1 for the rest
  folder.tensors[kX + "scales"] = floats({1, 8}, {1, 1, 1, 1, 1, 1, 1, 100});
  CHECK(column(folder.read(kX + "weight"), 8, 5) == Floats{-2, 0, 1, 2, 3, 4, 5, 600});
}

TEST_CASE("bitsandbytes: int8 is q * SCB / 127") {
  EditedFolder folder("quantization_config",
                      {{"quant_method", "bitsandbytes"}, {"load_in_8bit", true}});
  folder.tensors[kX + "weight"] = bytes({2, 2}, {127, -127, 1, -128}, "I8");
  folder.tensors[kX + "SCB"] = floats({2}, {2, 1});
  folder.tensors[kX + "weight_format"] = bytes({}, {0}, "U8");
  const Floats got = folder.read(kX + "weight");
  const Floats expected = {2, -2, 1.0f / 127, -128.0f / 127};
  for (size_t i = 0; i < 4; ++i) CHECK(std::fabs(got[i] - expected[i]) < 1e-6f);
  folder.tensors[kX + "weight_format"] = bytes({}, {1}, "U8");
  CHECK_REFUSED(folder.open(), "expected 0 (rows)");
}

TEST_CASE("bitsandbytes: 4 bits are high nibble first, in blocks across rows, in any container") {
  EditedFolder folder("quantization_config",
                      {{"quant_method", "bitsandbytes"}, {"load_in_4bit", true}});
  const std::string state = R"({"quant_type":"fp4","blocksize":4,"dtype":"float16","shape":[2,3]})";
  Floats map(16);
  for (size_t i = 0; i < 16; ++i) map[i] = float(i);
  folder.tensors[kX + "weight"] = bytes({3, 1}, {0x12, 0x34, 0x5f}, "U8");
  folder.tensors[kX + "weight.quant_map"] = floats({16}, map);
  folder.tensors[kX + "weight.absmax"] = floats({2}, {1, 100});
  folder.tensors[kX + "weight.quant_state.bitsandbytes__fp4"] = {
      "U8", {int64_t(state.size())}, state};
  CHECK(folder.read(kX + "weight") == Floats{1, 2, 3, 4, 500, 1500});
  const FolderCheckpoint checkpoint = folder.open();
  float row[3];
  checkpoint.read(*checkpoint.find(kX + "weight"), 3, 3, row);  // begins within a byte and a block
  CHECK(row[0] == 4);
  CHECK(row[2] == 1500);
}

TEST_CASE("MLX: mxfp4 is e2m1 * 2^(scale - 127), low nibble first, and has no biases") {
  EditedFolder folder("quantization", {{"group_size", 32}, {"bits", 4}, {"mode", "mxfp4"}});
  folder.tensors[kX + "weight"] = words({1, 4}, {0x76543210u, 0xfedcba98u, 0, 0}, "U32");
  folder.tensors[kX + "scales"] = bytes({1, 1}, {128}, "U8");
  const Floats got = folder.read(kX + "weight");
  CHECK(Floats(got.begin(), got.begin() + 16) ==
        Floats{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12});
  folder.tensors[kX + "scales"] = bytes({1, 1}, {0}, "U8");
  CHECK(folder.read(kX + "weight")[7] == std::ldexp(6.0f, -127));
  folder.tensors[kX + "scales"] = bytes({1, 1}, {255}, "U8");
  CHECK_REFUSED(folder.read(kX + "weight"), "exponents of 0 to 254");
}

TEST_CASE("MLX: q * scale + bias; a module's own entry replaces the general one") {
  EditedFolder folder("quantization", {{"group_size", 64}, {"bits", 4}});
  folder.config["quantization"][kX.substr(0, kX.size() - 1)] = {{"group_size", 32}, {"bits", 5}};
  // 5 bits: 0x1f, 0, ... and value 6, which lies across two words, is 2 + 4 * 3
  folder.tensors[kX + "weight"] = words({1, 5}, {0x8000001fu, 3, 0, 0, 0}, "U32");
  folder.tensors[kX + "scales"] = floats({1, 1}, {2});
  folder.tensors[kX + "biases"] = floats({1, 1}, {-10});
  const Floats got = folder.read(kX + "weight");
  REQUIRE(got.size() == 32);
  CHECK(Floats(got.begin(), got.begin() + 8) == Floats{52, -10, -10, -10, -10, -10, 18, -10});
}

TEST_CASE("compressed-tensors: bytes with scales of a tensor, channel, group or block") {
  const EditedTensor q = bytes({2, 4}, {1, 2, 3, -4, 5, 6, 7, -128}, "I8");
  EditedFolder tensor = ct_folder("int-quantized", ct_weights("int", 8, "tensor"));
  tensor.tensors = {{kX + "weight", q}, {kX + "weight_scale", floats({1}, {2})}};
  CHECK(tensor.read(kX + "weight") == Floats{2, 4, 6, -8, 10, 12, 14, -256});
  EditedFolder channel = ct_folder("int-quantized", ct_weights("int", 8, "channel"));
  channel.tensors = {{kX + "weight", q}, {kX + "weight_scale", floats({2, 1}, {2, 1})}};
  CHECK(channel.read(kX + "weight") == Floats{2, 4, 6, -8, 5, 6, 7, -128});
  Json weights = ct_weights("int", 8, "channel");
  weights["symmetric"] = false;
  EditedFolder shifted = ct_folder("naive-quantized", weights);
  shifted.tensors = channel.tensors;
  CHECK_REFUSED(shifted.open(), "up_proj.weight_zero_point': missing");
  shifted.tensors[kX + "weight_zero_point"] = bytes({2, 1}, {1, -1}, "I8");
  CHECK(shifted.read(kX + "weight") == Floats{0, 2, 4, -10, 6, 7, 8, -127});
  weights = ct_weights("float", 8, "block");
  weights["block_structure"] = {2, 3};
  EditedFolder block = ct_folder("float-quantized", weights);
  block.tensors = {
      {kX + "weight", bytes({2, 4}, {0x38, 0x40, 0xb8, 0x38, 1, 0x7e, 0, 0}, "F8_E4M3")},
      {kX + "weight_scale", floats({1, 2}, {1, 10})}};
  CHECK(block.read(kX + "weight") == Floats{1, 2, -1, 10, std::ldexp(1.0f, -9), 448, 0, 0});
}

TEST_CASE("compressed-tensors: packed rows may be padded; a group index gives each input's group") {
  Json weights = ct_weights("int", 4, "group");
  weights["group_size"] = 8;
  EditedFolder folder = ct_folder("pack-quantized", weights);
  folder.tensors = {{kX + "weight_packed", words({1, 2}, {0x76543210u, 0x00000fedu})},
                    {kX + "weight_shape", {"I64", {2}, bytes_of(std::vector<int64_t>{1, 11})}},
                    {kX + "weight_scale", floats({1, 2}, {1, 10})}};
  CHECK(folder.read(kX + "weight") == Floats{-8, -7, -6, -5, -4, -3, -2, -1, 50, 60, 70});
  folder.tensors[kX + "weight_g_idx"] = words({11}, {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  CHECK(folder.read(kX + "weight") == Floats{-80, -7, -6, -5, -4, -3, -2, -1, 5, 6, 70});
}

TEST_CASE(
    "FP8: the block of an element counts from the first row and column; the scale multiplies") {
  EditedFolder folder("quantization_config",
                      {{"quant_method", "fp8"}, {"weight_block_size", {2, 2}}});
  folder.tensors[kX + "weight"] = bytes({3, 3}, std::vector<int>(9, 0x38), "F8_E4M3");  // ones
  folder.tensors[kX + "weight_scale_inv"] = floats({2, 2}, {1, 2, 3, 4});
  CHECK(folder.read(kX + "weight") == Floats{1, 1, 2, 1, 1, 2, 3, 3, 4});
  folder.tensors[kX + "weight"].data[4] = char(0xff);
  CHECK_REFUSED(folder.read(kX + "weight"), "got NaN at [1, 1]");
}

TEST_CASE("float8 e4m3 has 253 numbers up to 448 and two NaN") {
  int n_nan = 0;
  for (int i = 0; i < 256; ++i) n_nan += std::isnan(e4m3_to_f32(uint8_t(i)));
  CHECK(n_nan == 2);
  CHECK(e4m3_to_f32(0x7e) == 448);
  CHECK(e4m3_to_f32(0x08) == std::ldexp(1.0f, -6));
  CHECK(e4m3_to_f32(0x07) == std::ldexp(7.0f, -9));
  CHECK(e4m3_to_f32(0x81) == -std::ldexp(1.0f, -9));
  CHECK(e4m3_to_f32(0x3c) == 1.5f);
}
