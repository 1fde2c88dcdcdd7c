// Configurations of quantised weights that say less or other than the tensors: absent options have the
// defaults of the formats' own loaders, and a label that the tensors contradict is not believed.
#include <doctest/doctest.h>

#include "engine/base/check.h"
#include "tests/checkpoint/edited_folder.h"

using namespace qwench;
using namespace qwench::test;

#define CHECK_REFUSED(expression, words) \
  CHECK_THROWS_WITH_AS((void)(expression), doctest::Contains(words), Error)

namespace {

using Floats = std::vector<float>;
const std::string kDown = "model.layers.0.mlp.down_proj.", kUp = "model.layers.0.mlp.up_proj.",
                  kGate = "model.layers.0.mlp.gate_proj.";

EditedTensor words(std::vector<int64_t> shape, uint32_t value) {
  int64_t n = 1;
  for (const int64_t dim : shape) n *= dim;
  return {"I32", std::move(shape), bytes_of(std::vector<uint32_t>(size_t(n), value))};
}
EditedTensor floats(std::vector<int64_t> shape, const Floats& values) {
  return {"F32", std::move(shape), bytes_of(values)};
}

void add_to_words(EditedTensor* t, uint32_t more) {
  for (size_t at = 0; at < t->data.size(); at += 4) {
    uint32_t word = 0;
    std::memcpy(&word, &t->data[at], 4);
    word += more;
    std::memcpy(&t->data[at], &word, 4);
  }
}

/// The zero points of every module less one, or one more.
void shift_zeros(EditedFolder* folder, uint32_t more) {
  for (auto& [name, tensor] : folder->tensors)
    if (name.size() > 6 && name.compare(name.size() - 6, 6, "qzeros") == 0)
      add_to_words(&tensor, more);
}

/// What the decoded matrix is when options of a copy are changed.
Floats decoded_with(const std::string& name, const Json& changes,
                    const std::string& module = kDown) {
  EditedFolder folder(name);
  for (const auto& [key, value] : changes.items())
    if (value == "absent")
      folder.options().erase(key);
    else
      folder.options()[key] = value;
  return folder.read(module + "weight");
}

}  // namespace

TEST_CASE("GPTQ: symmetric zero points say which version they are of, whatever the label") {
  const std::string name = "gptq-qwen3-int4-g32-v1-descact";
  EditedFolder folder(name);
  const Floats expected = folder.read(kDown + "weight");
  const auto stored = [&] { return folder.open().find(kDown + "weight")->stored; };
  CHECK(stored() == "gptq int4 g32");
  folder.options()["checkpoint_format"] = "gptq_v2";  // zeros of v1 under this label
  CHECK(folder.read(kDown + "weight") == expected);
  CHECK(stored() == "gptq int4 g32");
  shift_zeros(&folder, 0x11111111u);  // now of v2
  CHECK(folder.read(kDown + "weight") == expected);
  CHECK(stored() == "gptq int4 g32 v2");
  folder.options()["checkpoint_format"] = "gptq";
  CHECK(folder.read(kDown + "weight") == expected);
  folder.options().erase("sym");  // true where it is not said
  CHECK(folder.read(kDown + "weight") == expected);
  folder.options()["sym"] = false;  // any zero point may be meant: the label is all there is
  CHECK(folder.read(kDown + "weight") != expected);
  folder.options()["checkpoint_format"] = "gptq_v2";
  CHECK(folder.read(kDown + "weight") == expected);
}

TEST_CASE(
    "GPTQ: `dynamic` gives modules bits and groups of their own, or leaves them as they were") {
  EditedFolder folder("quantization_config",
                      {{"quant_method", "gptq"},
                       {"bits", 4},
                       {"group_size", 8},
                       {"dynamic",
                        {{"-:.*gate_proj.*", Json::object()},
                         {"+:.*down_proj.*", {{"bits", 8}, {"group_size", -1}}},
                         {".*up_proj.*", {{"group_size", 16}, {"desc_act", false}}}}}});
  folder.tensors[kUp + "qweight"] = words({2, 8}, 0xaaaaaaaau);  // 16 inputs: one group of 16
  folder.tensors[kUp + "qzeros"] = words({1, 1}, 0x77777777u);
  folder.tensors[kUp + "scales"] = floats({1, 8}, Floats(8, 3));
  folder.tensors[kDown + "qweight"] = words({2, 4}, 0x85858585u);  // 8 inputs, 4 outputs of 8 bits
  folder.tensors[kDown + "qzeros"] = words({1, 1}, 0x7f7f7f7fu);
  folder.tensors[kDown + "scales"] = floats({1, 4}, Floats(4, 2));
  folder.tensors[kGate + "weight"] = floats({1, 2}, {7, 9});
  CHECK(folder.read(kUp + "weight") == Floats(16 * 8, (10 - 8) * 3));
  CHECK(folder.read(kDown + "weight") == Floats(8 * 4, (0x85 - 0x80) * 2));
  CHECK(folder.read(kGate + "weight") == Floats{7, 9});
  CHECK(folder.open().find(kDown + "weight")->stored == "gptq int8 row");
  Json& dynamic = folder.options()["dynamic"];
  dynamic["+:.*down_proj.*"]["bits"] = 3;
  CHECK_REFUSED(folder.open(), "dynamic '+:.*down_proj.*': bits: expected 4 or 8 for GPTQ, got 3");
  dynamic["+:.*down_proj.*"] = {{"lora", {{"rank", 8}}}};
  CHECK_REFUSED(folder.open(), "lora: expected only bits, group_size and sym");
  dynamic.erase("+:.*down_proj.*");  // then the tensors fit nothing that is said
  CHECK_REFUSED(folder.open(), "expected a multiple of 8 outputs, got 4");
  folder.options()["dynamic"] = 3;
  CHECK_REFUSED(folder.open(), "dynamic: expected an object, got 3");
}

TEST_CASE("GPTQ: two group sizes that fit a module alike are refused, unless it lists its groups") {
  EditedFolder folder("quantization_config", {{"quant_method", "gptq"},
                                              {"bits", 4},
                                              {"group_size", 32},
                                              {"dynamic", {{"up", {{"group_size", 48}}}}}});
  folder.tensors[kUp + "qweight"] = words({8, 8}, 0);  // 64 inputs in 2 groups of 32, or 48 and 16
  folder.tensors[kUp + "qzeros"] = words({2, 1}, 0x77777777u);
  folder.tensors[kUp + "scales"] = floats({2, 8}, Floats(16, 1));
  CHECK_REFUSED(folder.open(), "expected one group size of `dynamic` that fits 2 groups");
  std::vector<uint32_t> groups(64, 0);
  for (size_t i = 48; i < 64; ++i) groups[i] = 1;
  folder.tensors[kUp + "g_idx"] = {"I32", {64}, bytes_of(groups)};
  folder.tensors[kUp + "scales"] = floats({2, 8}, {1, 1, 1, 1, 1, 1, 1, 1, 5, 5, 5, 5, 5, 5, 5, 5});
  const Floats row = folder.read(kUp + "weight");
  CHECK(row[47] == -8);
  CHECK(row[48] == -40);
}

TEST_CASE("AWQ: gemm, 4 bits and groups of 128 where nothing else is said") {
  const std::string name = "awq-qwen2-int4-g128";
  const Floats expected = EditedFolder(name).read(kDown + "weight");
  for (const char* key : {"version", "group_size", "bits", "zero_point"}) {
    CAPTURE(key);
    CHECK(decoded_with(name, {{key, "absent"}}) == expected);
    CHECK(decoded_with(name, {{key, nullptr}}) == expected);
  }
  CHECK(decoded_with(name, {{"version", "absent"},
                            {"group_size", "absent"},
                            {"bits", "absent"},
                            {"format", "gemm"},
                            {"dynamic", {{"-:lm_head", Json::object()}}}}) == expected);
  CHECK_REFUSED(decoded_with(name, {{"version", "absent"}, {"format", "gemv"}}), "format");
  CHECK_REFUSED(decoded_with(name, {{"backend", "llm-awq"}}), "backend: expected another");
  CHECK_REFUSED(decoded_with(name, {{"dynamic", {{"+:x", {{"bits", 8}}}}}}), "only '-:' patterns");
}

TEST_CASE("bitsandbytes: a module is of the width its tensors show") {
  const std::string name = "bnb-qwen3-nf4-double";
  const Floats expected = EditedFolder(name).read(kDown + "weight");
  CHECK(decoded_with(name, {{"load_in_4bit", "absent"}, {"_load_in_4bit", true}}) == expected);
  CHECK(decoded_with(name, {{"load_in_4bit", false}, {"load_in_8bit", true}}) == expected);
  CHECK(decoded_with(name, {{"bnb_4bit_quant_type", "fp4"}}) == expected);
}

TEST_CASE("compressed-tensors: the quantiser's books may say anything, the format nothing") {
  const std::string name = "ct-qwen3-w4a16-g32-asym";
  const Floats expected = EditedFolder(name).read(kDown + "weight");
  for (const char* status : {"frozen", "calibration", "initialized", "compressed"})
    CHECK(decoded_with(name, {{"quantization_status", status}}) == expected);
  for (const Json& format : {Json("absent"), Json(), Json("dense"), Json("mixed-precision")})
    CHECK(decoded_with(name, {{"format", format}}) == expected);
  EditedFolder folder(name);
  folder.options().erase("format");
  folder.options()["config_groups"]["group_0"]["format"] = "pack-quantized";
  CHECK(folder.read(kDown + "weight") == expected);
  CHECK(folder.open().notes().empty());
  folder.options()["config_groups"]["group_0"]["format"] = "nvfp4-pack-quantized";
  CHECK_REFUSED(folder.open(), "got 'nvfp4-pack-quantized'");
}

TEST_CASE("compressed-tensors: activations and caches that are to be rounded are noted") {
  EditedFolder folder("ct-qwen3-w4a16-g32-asym");
  for (const char* key : {"input_activations", "output_activations"}) {
    folder.options()["config_groups"]["group_0"][key] = {{"num_bits", 8}};
    REQUIRE(folder.open().notes().size() == 1);
    CHECK(folder.open().notes()[0].find("are not rounded as the configuration has it") !=
          std::string::npos);
    folder.options()["config_groups"]["group_0"][key] = nullptr;
  }
  CHECK(folder.open().notes().empty());
  folder.options()["kv_cache_scheme"] = {{"num_bits", 8}};
  CHECK(folder.open().notes().size() == 1);
}

TEST_CASE("FP8: blocks of 128 x 128 by default, one scale a matrix or row where that is stored") {
  const std::string name = "fp8-qwen3-block128-ragged-f32scale";
  const Floats expected = EditedFolder(name).read(kDown + "weight");
  CHECK(decoded_with(name, {{"weight_block_size", "absent"}}) == expected);
  CHECK(decoded_with(name, {{"scale_fmt", "float"}}) == expected);
  CHECK_REFUSED(decoded_with(name, {{"weight_block_size", nullptr}}), "expected shape [1, 1]");
  EditedFolder folder("quantization_config", {{"quant_method", "fp8"}});
  folder.tensors[kUp + "weight"] = {"F8_E4M3", {2, 2}, "\x38\x40\x38\xb8"};  // 1 2 / 1 -1
  folder.tensors[kUp + "weight_scale"] = floats({1}, {3});
  folder.tensors[kUp + "input_scale"] = floats({1}, {9});
  CHECK(folder.read(kUp + "weight") == Floats{3, 6, 3, -3});
  CHECK(folder.open().find(kUp + "weight")->stored == "fp8 e4m3 tensor");
  folder.tensors[kUp + "weight_scale"] = floats({}, {3});
  CHECK(folder.read(kUp + "weight") == Floats{3, 6, 3, -3});
  folder.tensors[kUp + "weight_scale"] = floats({2, 1}, {3, 5});
  CHECK(folder.read(kUp + "weight") == Floats{3, 6, 5, -5});
  CHECK(folder.open().find(kUp + "weight")->stored == "fp8 e4m3 row");
  folder.options()["weight_block_size"] = nullptr;
  folder.tensors.erase(kUp + "weight_scale");
  folder.tensors[kUp + "weight_scale_inv"] = floats({}, {7});
  CHECK(folder.read(kUp + "weight") == Floats{7, 14, 7, -7});
}

TEST_CASE("MLX: 4 bits in groups of 64 where an entry does not say") {
  EditedFolder folder("quantization", {{"mode", "affine"}});
  folder.tensors[kUp + "weight"] = words({1, 8}, 0x33333333u);
  folder.tensors[kUp + "weight"].dtype = "U32";
  folder.tensors[kUp + "scales"] = floats({1, 1}, {2});
  folder.tensors[kUp + "biases"] = floats({1, 1}, {-1});
  CHECK(folder.read(kUp + "weight") == Floats(64, 5));
  folder.config["quantization"] = {
      {"bits", 8}, {"group_size", 32}, {kUp.substr(0, kUp.size() - 1), Json::object()}};
  CHECK(folder.read(kUp + "weight") == Floats(64, 5));
  // An entry that says "not quantised" is contradicted by the tensors: 8 bits in groups of 32, then.
  folder.config["quantization"][kUp.substr(0, kUp.size() - 1)] = false;
  CHECK(folder.read(kUp + "weight") == Floats(32, 0x33 * 2 - 1));
}

TEST_CASE("what does not fit the configuration is not called damaged") {
  for (const auto& [name, key, value] :
       {std::tuple("awq-qwen2-int4-g128", "group_size", 64),
        std::tuple("gptq-qwen3-int4-g32-v1-descact", "group_size", 64),
        std::tuple("mlx-qwen2-3bit-g32", "bits", 4)}) {
    EditedFolder folder{std::string(name)};
    folder.options()[key] = value;
    try {
      folder.open();
      FAIL("opened");
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("damaged") == std::string::npos);
      CHECK(std::string(error.what()).find("configuration names") != std::string::npos);
    }
  }
}
