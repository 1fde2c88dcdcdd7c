// Quantised checkpoints that lie: each part that is missing, of another type or shape, or holds a
// value that cannot be meant is an Error naming tensor and file; each option that is not known is one
// naming the option and what is supported.
#include <doctest/doctest.h>

#include "engine/base/check.h"
#include "tests/checkpoint/edited_folder.h"

using namespace qwench;
using namespace qwench::test;

#define CHECK_REFUSED(expression, words) \
  CHECK_THROWS_WITH_AS((void)(expression), doctest::Contains(words), Error)

namespace {

struct Sample {
  std::string folder, module;
  std::vector<std::string> needed;  // parts without which nothing can be read
  std::vector<std::string> shaped;  // parts whose shape must fit
  std::string scale;                // a part of floats
};

const std::string kDown = "model.layers.0.mlp.down_proj.";

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = {
      {"gptq-qwen3-int4-g32-v1-descact",
       kDown,
       {"qweight", "qzeros", "scales"},
       {"qweight", "qzeros", "scales", "g_idx"},
       "scales"},
      {"awq-qwen2-int4-g128",
       kDown,
       {"qweight", "qzeros", "scales"},
       {"qweight", "qzeros", "scales"},
       "scales"},
      {"bnb-qwen3-nf4-double",
       kDown,
       {"weight", "weight.absmax", "weight.quant_map", "weight.nested_absmax",
        "weight.nested_quant_map", "weight.quant_state.bitsandbytes__nf4"},
       {"weight", "weight.absmax", "weight.quant_map", "weight.nested_absmax",
        "weight.nested_quant_map"},
       "weight.nested_absmax"},
      {"mlx-qwen2-3bit-g32",
       kDown,
       {"weight", "scales", "biases"},
       {"weight", "scales", "biases"},
       "biases"},
      {"ct-qwen3-w4a16-g32-asym",
       kDown,
       {"weight_packed", "weight_scale", "weight_zero_point", "weight_shape"},
       {"weight_packed", "weight_scale", "weight_zero_point", "weight_shape"},
       "weight_scale"},
      {"fp8-qwen3-block128-ragged-f32scale",
       kDown,
       {"weight", "weight_scale_inv"},
       {"weight_scale_inv"},
       "weight_scale_inv"},
  };
  return all;
}

/// The last row or element goes: shape and bytes agree with each other, not with the other parts.
void shorten(EditedTensor* t) {
  const size_t size = t->data.size() / size_t(t->shape[0]);
  t->shape[0] -= 1;
  t->data.resize(t->data.size() - size);
}

void set_word(EditedTensor* t, size_t at, uint32_t value) {
  std::memcpy(t->data.data() + 4 * at, &value, 4);
}

/// Opening with one option changed.
void check_option(const std::string& folder, const std::string& key, const Json& value,
                  const char* words) {
  CAPTURE(folder);
  CAPTURE(key);
  EditedFolder edited(folder);
  edited.options()[key] = value;
  CHECK_REFUSED(edited.open(), words);
}

}  // namespace

TEST_CASE("the copies that these tests change open as long as nothing is changed") {
  for (const Sample& sample : samples()) {
    CAPTURE(sample.folder);
    const FolderCheckpoint checkpoint = EditedFolder(sample.folder).open();
    const TensorInfo* info = checkpoint.find(sample.module + "weight");
    REQUIRE(info != nullptr);
    CHECK(info->dtype == DType::kF32);
    CHECK_FALSE(info->stored.empty());
    CHECK(checkpoint.config().stored_dtype == DType::kF32);
    for (const std::string& part : sample.needed)
      if (part != "weight") CHECK(checkpoint.find(sample.module + part) == nullptr);
  }
}

TEST_CASE("a missing part of a quantised module is refused, naming tensor and folder") {
  for (const Sample& sample : samples())
    for (const std::string& part : sample.needed) {
      CAPTURE(sample.folder);
      CAPTURE(part);
      EditedFolder folder(sample.folder);
      REQUIRE(folder.tensors.erase(sample.module + part) == 1);
      CHECK_REFUSED(folder.open(), "tensor 'model.layers.0.mlp.down_proj.");
      CHECK_REFUSED(folder.open(), "missing");
      CHECK_REFUSED(folder.open(), folder.path().c_str());
    }
}

TEST_CASE("a part of another shape or type is refused, naming tensor and file") {
  for (const Sample& sample : samples())
    for (const std::string& part : sample.shaped) {
      CAPTURE(sample.folder);
      CAPTURE(part);
      EditedFolder folder(sample.folder);
      EditedTensor& tensor = folder.tensors.at(sample.module + part);
      const EditedTensor whole = tensor;
      shorten(&tensor);
      CHECK_REFUSED(folder.open(), "tensor 'model.layers.0.mlp.down_proj.");
      CHECK_REFUSED(folder.open(), "model.safetensors");
      tensor = whole;
      tensor.shape.push_back(2);
      tensor.data += whole.data;
      CHECK_REFUSED(folder.open(), "expected");
      if (sample.folder.rfind("bnb", 0) == 0 && part == "weight") continue;  // any container
      tensor = whole;
      tensor.dtype = "I16";
      tensor.shape.back() =
          int64_t(whole.data.size()) / 2 / (whole.shape.size() > 1 ? whole.shape[0] : 1);
      CHECK_REFUSED(folder.open(), "expected dtype");
    }
}

TEST_CASE("a scale that is not finite is refused when its rows are read") {
  for (const Sample& sample : samples()) {
    CAPTURE(sample.folder);
    EditedFolder folder(sample.folder);
    std::string& data = folder.tensors.at(sample.module + sample.scale).data;
    std::fill(data.begin(), data.end(), char(0xff));  // NaN in every type of floats
    CHECK_REFUSED(folder.read(sample.module + "weight"), "expected finite values, got");
    CHECK_REFUSED(folder.read(sample.module + "weight"), sample.scale.c_str());
    CHECK_NOTHROW(folder.read("model.layers.0.mlp.up_proj.weight"));
  }
}

TEST_CASE("options that are not supported are refused by name, with what is") {
  const char* gptq = "gptq-qwen3-int4-g32-v1-descact";
  check_option(gptq, "bits", 3, "bits: expected 4 or 8 for GPTQ, got 3");
  check_option(gptq, "bits", "4", "bits");
  check_option(gptq, "group_size", 0, "group_size");
  check_option(gptq, "group_size", -2, "group_size");
  check_option(gptq, "checkpoint_format", "marlin", "expected gptq or gptq_v2, got 'marlin'");
  check_option(gptq, "pack_dtype", "int16", "pack_dtype: expected int32");
  const char* awq = "awq-qwen2-int4-g128";
  check_option(awq, "bits", 8, "expected 4 for AWQ, got 8");
  check_option(awq, "version", "gemv", "version: expected gemm, got 'gemv'");
  check_option(awq, "zero_point", false, "zero_point");
  const char* bnb = "bnb-qwen3-nf4-double";
  check_option(bnb, "load_in_8bit", true, "got both");
  check_option(bnb, "bnb_4bit_quant_type", "int4", "expected nf4 or fp4, got 'int4'");
  const char* mlx = "mlx-qwen2-3bit-g32";
  check_option(mlx, "bits", 7, "expected 3, 4, 5, 6 or 8, got 7");
  check_option(mlx, "group_size", 48, "expected 32, 64 or 128, got 48");
  check_option(mlx, "mode", "nvfp4", "mode: expected affine or mxfp4, got 'nvfp4'");
  const char* fp8 = "fp8-qwen3-block128-ragged-f32scale";
  check_option(fp8, "fmt", "e5m2", "fmt: expected e4m3, got 'e5m2'");
  check_option(fp8, "scale_fmt", "ue8m0", "scale_fmt");
  check_option(fp8, "weight_block_size", 128, "weight_block_size: expected two sizes");
  check_option(fp8, "weight_block_size", {128, 0}, "weight_block_size");
}

TEST_CASE("options of compressed-tensors that are not supported are refused by name") {
  const char* ct = "ct-qwen3-w4a16-g32-asym";
  check_option(ct, "format", "nvfp4-pack-quantized", "got 'nvfp4-pack-quantized'");
  check_option(ct, "format", "int-quantized", "num_bits: expected 8 for int-quantized, got 4");
  check_option(ct, "sparsity_config", {{"format", "sparse-24-bitmask"}}, "sparsity_config");
  check_option(ct, "transform_config", {{"config_groups", {{"r3", 1}}}}, "transform_config");
  check_option(ct, "config_groups", nullptr, "config_groups");
  const auto check_weights = [&](const char* key, const Json& value, const char* words) {
    EditedFolder folder{std::string(ct)};
    folder.options()["config_groups"]["group_0"]["weights"][key] = value;
    CHECK_REFUSED(folder.open(), words);
  };
  check_weights("num_bits", 3, "num_bits: expected 4 or 8, got 3");
  check_weights("type", "float", "type");
  check_weights("strategy", "tensor_group", "got 'tensor_group'");
  check_weights("group_size", 3, "group_size");
  EditedFolder folder{std::string(ct)};
  Json other = folder.options()["config_groups"]["group_0"];
  other["weights"]["num_bits"] = 8;
  folder.options()["config_groups"]["group_1"] = other;
  CHECK_REFUSED(folder.open(), "the same 'weights' for all modules");
}

TEST_CASE("a group size or bit width that the tensors contradict is refused") {
  check_option("gptq-qwen3-int4-g32-v1-descact", "bits", 8, "expected shape");
  check_option("gptq-qwen3-int4-g32-v1-descact", "group_size", 64, "expected shape");
  check_option("awq-qwen2-int4-g128", "group_size", 64, "expected shape");
  check_option("mlx-qwen2-3bit-g32", "bits", 4, "expected shape");
  check_option("mlx-qwen2-3bit-g32", "group_size", 64, "expected shape");
  check_option("fp8-qwen3-block128-ragged-f32scale", "weight_block_size", {64, 64},
               "expected shape");
}

TEST_CASE("a group index outside the groups is refused, with its place") {
  EditedFolder folder("gptq-qwen3-int4-g32-v1-descact");
  set_word(&folder.tensors.at(kDown + "g_idx"), 3, 8);
  CHECK_REFUSED(folder.open(), "expected groups of 0 to 7, got 8 for input 3");
  set_word(&folder.tensors.at(kDown + "g_idx"), 3, uint32_t(-1));
  CHECK_REFUSED(folder.open(), "got -1 for input 3");
}

TEST_CASE("a quant_state that is not the JSON it should be is refused") {
  const std::string name = kDown + "weight.quant_state.bitsandbytes__nf4";
  const auto with_state = [&](const std::string& text) {
    EditedFolder folder("bnb-qwen3-nf4-double");
    folder.tensors.at(name) = {"U8", {int64_t(text.size())}, text};
    return folder.open();
  };
  CHECK_REFUSED(with_state("{"), "not valid JSON");
  CHECK_REFUSED(with_state("[]"), "expected an object");
  CHECK_REFUSED(with_state(R"({"quant_type":"fp4","blocksize":64,"shape":[128,256]})"),
                "quant_type: expected nf4, got 'fp4'");
  CHECK_REFUSED(with_state(R"({"quant_type":"nf4","blocksize":64,"shape":[128]})"),
                "shape: expected two sizes");
  CHECK_REFUSED(with_state(R"({"quant_type":"nf4","blocksize":0,"shape":[128,256]})"), "blocksize");
  CHECK_REFUSED(
      with_state(R"({"quant_type":"nf4","blocksize":64,"shape":[2147483647,2147483647]})"),
      "bytes");
  CHECK_REFUSED(with_state(R"({"quant_type":"nf4","blocksize":64,"shape":[128,256]})"),
                "expected dtype F32");  // without nesting absmax are floats
}

TEST_CASE("a packed matrix beside an unpacked one of the same name is refused") {
  EditedFolder folder("gptq-qwen3-int4-g32-v1-descact");
  folder.tensors[kDown + "weight"] = {"F16", {2}, std::string(4, '\0')};
  CHECK_REFUSED(folder.open(), "there both as it is and quantised");
}

TEST_CASE("a bias that the architecture has no place for may only be zero") {
  EditedFolder folder("gptq-qwen3-int4-g32-v1-descact");
  folder.tensors[kDown + "bias"] = {"F16", {128}, std::string(256, '\0')};
  CHECK(folder.open().find(kDown + "bias") == nullptr);
  folder.tensors[kDown + "bias"] = {"F32", {0}, ""};  // nothing to read, which is no read of null
  CHECK(folder.open().find(kDown + "bias") == nullptr);
  folder.tensors[kDown + "bias"] = {"F16", {128}, std::string(256, '\0')};
  folder.tensors[kDown + "bias"].data[9] = 0x3c;
  CHECK_REFUSED(folder.open(), "expected a bias of zeros, since qwen3 has none at this module");
}

TEST_CASE("a configuration of quantised weights over plain ones is refused") {
  EditedFolder folder("quantization_config",
                      {{"quant_method", "gptq"}, {"bits", 4}, {"group_size", 8}});
  folder.tensors["model.norm.weight"] = {"F16", {2}, std::string(4, '\0')};
  CHECK_REFUSED(folder.open(), "expected weights quantised with GPTQ");
}

TEST_CASE("options of the wrong kind are errors, whatever they are") {
  for (const char* text :
       {"1", "[]", "\"gptq\"", "true", "{}", R"({"quant_method":4})", R"({"quant_method":"gptq"})",
        R"({"quant_method":"compressed-tensors"})", R"({"quant_method":"fp8"})",
        R"({"quant_method":"bitsandbytes"})", R"({"quant_method":"awq"})"})
    for (const char* key : {"quantization_config", "quantization"}) {
      if (text == std::string("{}") && key == std::string("quantization_config")) continue;  // none
      CAPTURE(text);
      EditedFolder folder(key, Json::parse(text));
      CHECK_THROWS_AS((void)folder.open(), Error);
    }
}
