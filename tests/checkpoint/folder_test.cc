// Model folders: every published form opens and reads alike, and an index that lies is refused
// (S16).
#include "engine/checkpoint/folder.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <vector>

#include "engine/base/check.h"
#include "engine/checkpoint/random.h"
#include "tests/support/scratch.h"

using namespace qwench;
using test::ScratchFolder;
namespace fs = std::filesystem;

#define CHECK_REFUSED(expression, words) \
  CHECK_THROWS_WITH_AS((void)(expression), doctest::Contains(words), Error)

namespace {

const std::string kText = QWENCH_SOURCE_DIR "/tests/data/text";

const std::string kX = "model.norm.weight", kY = "model.layers.0.input_layernorm.weight",
                  kZ = "model.layers.1.input_layernorm.weight";

/// A folder with a valid config.json and shards a.safetensors (tensor kX) and b.safetensors (kY, kZ).
class Sharded : public ScratchFolder {
 public:
  Sharded() {
    fs::copy_file(kText + "/qwen2-untied-f32/config.json", file("config.json"));
    const std::vector<float> v = {1, 2, 3, 4};
    write_safetensors(file("a.safetensors"), {{{kX, DType::kF32, {4}}, v.data()}});
    write_safetensors(file("b.safetensors"),
                      {{{kY, DType::kF32, {2}}, v.data()}, {{kZ, DType::kF32, {1}}, v.data()}});
    map = {{kX, "a.safetensors"}, {kY, "b.safetensors"}, {kZ, "b.safetensors"}};
  }
  FolderCheckpoint open(bool mmap = false) {
    OrderedJson index = {{"metadata", {{"total_size", total}}}, {"weight_map", map}};
    write("model.safetensors.index.json", index.dump());
    OpenOptions options;
    options.mmap = mmap;
    return FolderCheckpoint(path(), options);
  }
  std::map<std::string, std::string> map;
  int64_t total = 28;
};

}  // namespace

TEST_CASE("every golden folder has exactly the tensors its config asks for") {
  std::vector<std::string> folders = {QWENCH_SOURCE_DIR "/tests/data/text-chat/qwen3-chat-bf16"};
  for (const auto& entry : fs::directory_iterator(kText)) folders.push_back(entry.path().string());
  REQUIRE(folders.size() == 12);
  for (const std::string& folder : folders) {
    CAPTURE(folder);
    const auto checkpoint = open_checkpoint(folder, {});
    const ModelConfig& config = checkpoint->config();
    CHECK_FALSE(checkpoint->is_random());
    const auto expected = expected_tensors(config, config.stored_dtype);
    CHECK(checkpoint->tensors().size() == expected.size());
    int64_t elements = 0;
    for (const TensorInfo& tensor : expected) {
      CAPTURE(tensor.name);
      const TensorInfo* found = checkpoint->find(tensor.name);
      REQUIRE(found != nullptr);
      CHECK(found->shape == tensor.shape);
      CHECK(found->dtype == config.stored_dtype);
      elements += found->shape.count();
    }
    CHECK(elements == config.parameters());
    CHECK(checkpoint->find("model.layers.9.none") == nullptr);
  }
}

TEST_CASE("mapped and read weights are the same bytes, in any range") {
  OpenOptions options;
  options.mmap = true;
  for (const char* name : {"/qwen2-sharded-f16", "/qwen3-tied-bf16"}) {
    const auto plain = open_checkpoint(kText + name, {}),
               mapped = open_checkpoint(kText + name, options);
    for (const TensorInfo& tensor : plain->tensors()) {
      const auto bytes = size_t(tensor.bytes());
      std::string a(bytes, 'a'), b(bytes, 'b');
      plain->read(tensor, 0, tensor.shape.count(), a.data());
      mapped->read(tensor, 0, tensor.shape.count(), b.data());
      CHECK(a == b);
      plain->read(tensor, 3, 5, b.data());
      CHECK(a.substr(6, 10) == b.substr(0, 10));
    }
  }
}

TEST_CASE("names without the prefix 'model.' are found under the canonical name") {
  ScratchFolder folder;
  fs::copy_file(kText + "/qwen2-untied-f32/config.json", folder.file("config.json"));
  const std::vector<float> v = {1, 2, 3, 4};
  const std::string path = folder.file("model.safetensors");
  const TensorToWrite bare{{"norm.weight", DType::kF32, {4}}, v.data()};
  write_safetensors(path, {bare, {{"layers.0.mlp.up_proj.weight", DType::kF32, {2}}, v.data()}});
  const FolderCheckpoint checkpoint(folder.path(), {});
  REQUIRE(checkpoint.find("model.norm.weight") != nullptr);
  CHECK(checkpoint.find("model.layers.0.mlp.up_proj.weight") != nullptr);
  std::vector<float> back(2);
  checkpoint.read(*checkpoint.find("model.norm.weight"), 2, 2, back.data());
  CHECK(back == std::vector<float>{3, 4});
  write_safetensors(path, {bare, {{"model.norm.weight", DType::kF32, {4}}, v.data()}});
  CHECK_REFUSED(FolderCheckpoint(folder.path(), {}), "'model.norm.weight' is there twice");
}

TEST_CASE("a tensor of a type that cannot be computed with is refused when it is asked for") {
  ScratchFolder folder;
  fs::copy_file(kText + "/qwen2-untied-f32/config.json", folder.file("config.json"));
  folder.write("model.safetensors",
               test::safetensors_bytes(
                   R"({"model.norm.weight":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]},)"
                   R"("lm_head.weight":{"dtype":"I32","shape":[1],"data_offsets":[4,8]}})",
                   8));
  const FolderCheckpoint checkpoint(folder.path(), {});
  CHECK(checkpoint.tensors().empty());
  CHECK_REFUSED(checkpoint.find("model.norm.weight"), "got F8_E4M3");
  CHECK_REFUSED(checkpoint.find("lm_head.weight"), "got i32");
}

TEST_CASE("S16: an index that tells the truth opens, through symbolic links too") {
  Sharded folder;
  for (const bool mmap : {false, true}) {
    const FolderCheckpoint checkpoint = folder.open(mmap);
    CHECK(checkpoint.tensors().size() == 3);
    std::vector<float> y(2);
    checkpoint.read(*checkpoint.find(kY), 0, 2, y.data());
    CHECK(y == std::vector<float>{1, 2});
  }
  fs::create_directory(folder.file("blobs"));
  fs::rename(folder.file("a.safetensors"), folder.file("blobs/1f"));
  fs::create_symlink("blobs/1f", folder.file("a.safetensors"));
  CHECK(folder.open().tensors().size() == 3);
}

TEST_CASE("S16: an index that names files outside the folder or missing ones is refused") {
  Sharded folder;
  for (const char* name : {"../../etc/passwd", "/etc/passwd", "..", ".", "", "sub/a.safetensors",
                           "..\\a.safetensors"}) {
    folder.map[kX] = name;
    CHECK_REFUSED(folder.open(), "file name inside the folder");
  }
  folder.map[kX] = "none.safetensors";
  CHECK_REFUSED(folder.open(), "'none.safetensors', which is missing");
  folder.map[kX] = "config.json";
  CHECK_REFUSED(folder.open(), "config.json");
}

TEST_CASE("S16: what an index keeps books of is noted where the shards say otherwise") {
  Sharded folder;
  CHECK(folder.open().notes().empty());
  const auto check_noted = [&](const char* words) {
    const FolderCheckpoint checkpoint = folder.open();
    CHECK(checkpoint.tensors().size() == 3);
    REQUIRE(checkpoint.notes().size() == 1);
    INFO(checkpoint.notes()[0]);
    CHECK(checkpoint.notes()[0].find(words) != std::string::npos);
  };
  SUBCASE("a tensor that is nowhere and not used") {
    folder.map["mtp.fc.weight"] = "a.safetensors";
    check_noted("in no shard and are not used: 'mtp.fc.weight'");
  }
  SUBCASE("a shard that is nowhere, with nothing that is used") {
    folder.map["mtp.fc.weight"] = "c.safetensors";
    const FolderCheckpoint checkpoint = folder.open();
    CHECK(checkpoint.notes()[0].find("shard 'c.safetensors' is missing") != std::string::npos);
  }
  SUBCASE("the wrong shard") {
    folder.map[kX] = "b.safetensors";
    folder.map[kY] = "a.safetensors";
    check_noted("names another shard than holds");
  }
  SUBCASE("total_size") {
    folder.total = 27;
    check_noted("total_size is 27 where the shards hold 28 bytes");
  }
}

TEST_CASE("S16: an index that disagrees with its shards is refused") {
  Sharded folder;
  SUBCASE("a tensor of the model that is nowhere") {
    folder.map["model.layers.1.mlp.up_proj.weight"] = "a.safetensors";
    CHECK_REFUSED(folder.open(),
                  "expected tensor 'model.layers.1.mlp.up_proj.weight' in a.safetensors");
  }
  SUBCASE("a shard that is nowhere, with a tensor of the model") {
    folder.map["model.layers.1.mlp.up_proj.weight"] = "c.safetensors";
    CHECK_REFUSED(folder.open(), "expected shard 'c.safetensors', which is missing");
  }
  SUBCASE("one tensor in two shards") {
    const std::vector<float> v(4);
    write_safetensors(folder.file("b.safetensors"), {{{kX, DType::kF32, {1}}, v.data()},
                                                     {{kY, DType::kF32, {2}}, v.data()},
                                                     {{kZ, DType::kF32, {1}}, v.data()}});
    CHECK_REFUSED(folder.open(), "'model.norm.weight' is there twice");
  }
  SUBCASE("a duplicate owner, an empty map, no map, a map that is none") {
    const auto index = [&](const char* text) {
      folder.write("model.safetensors.index.json", text);
      return FolderCheckpoint(folder.path(), {});
    };
    CHECK_REFUSED(index(R"({"weight_map":{"x":"a.safetensors","x":"b.safetensors"}})"), "twice");
    CHECK_REFUSED(index(R"({"weight_map":{}})"), "names no tensor");
    CHECK_REFUSED(index("{}"), "weight_map");
    CHECK_REFUSED(index("[]"), "weight_map");
    CHECK_REFUSED(index(R"({"weight_map":{"x":1}})"), "expected a file name, got 1");
  }
}

TEST_CASE("a folder without the files says what it has instead") {
  ScratchFolder folder;
  CHECK_REFUSED(open_checkpoint(folder.path(), {}), "expected config.json and model.safetensors");
  fs::copy_file(kText + "/qwen2-untied-f32/config.json", folder.file("config.json"));
  CHECK_REFUSED(open_checkpoint(folder.path(), {}), "model.safetensors.index.json, got neither");
  folder.write("pytorch_model.bin", "x");
  CHECK_REFUSED(open_checkpoint(folder.path(), {}), "PyTorch weights");
  fs::remove(folder.file("pytorch_model.bin"));
  folder.write("m.gguf", "GGUF");
  CHECK_REFUSED(open_checkpoint(folder.path(), {}), "GGUF");
  CHECK_REFUSED(open_checkpoint(folder.path(), {}), ("-m " + folder.file("m.gguf")).c_str());
  CHECK_REFUSED(open_checkpoint(folder.file("m.gguf"), {}), "version at byte 4");
  CHECK_REFUSED(open_checkpoint(folder.file("config.json"), {}),
                ("give the folder: -m " + folder.path()).c_str());
  fs::remove(folder.file("m.gguf"));
  fs::create_directory(folder.file("model.safetensors"));
  CHECK_REFUSED(open_checkpoint(folder.path(), {}), "got a directory");
}

TEST_CASE("shards without an index are read when all are there, and none is left out in silence") {
  Sharded folder;
  fs::rename(folder.file("a.safetensors"), folder.file("model-00001-of-00002.safetensors"));
  fs::rename(folder.file("b.safetensors"), folder.file("model-00002-of-00002.safetensors"));
  const FolderCheckpoint checkpoint(folder.path(), {});
  CHECK(checkpoint.tensors().size() == 3);
  REQUIRE(checkpoint.notes().size() == 1);
  CHECK(checkpoint.notes()[0].find("the 2 shards are read") != std::string::npos);
  folder.write("other-00001-of-00002.safetensors", "");
  CHECK_REFUSED(FolderCheckpoint(folder.path(), {}), "expected the shards of one model");
  fs::remove(folder.file("other-00001-of-00002.safetensors"));
  fs::remove(folder.file("model-00001-of-00002.safetensors"));
  CHECK_REFUSED(FolderCheckpoint(folder.path(), {}),
                "expected shard 'model-00001-of-00002.safetensors', which is missing");
}

TEST_CASE("files that are no model of their own are named, with what to do") {
  ScratchFolder folder;
  fs::copy_file(kText + "/qwen2-untied-f32/config.json", folder.file("config.json"));
  const auto check_named = [&](const char* name, const char* words) {
    folder.write(name, "x");
    CAPTURE(name);
    CHECK_REFUSED(open_checkpoint(folder.path(), {}), words);
    fs::remove_all(folder.file(name));
  };
  check_named("qwen.safetensors", "got 'qwen.safetensors'; where that is the model's only file");
  check_named("consolidated.00.pth", "got PyTorch weights ('consolidated.00.pth')");
  check_named("tf_model.h5", "got weights of another framework ('tf_model.h5')");
  check_named("mmproj-f16.GGUF", "got 'mmproj-f16.GGUF', the vision part of a model");
  check_named("M.GGUF", "got a GGUF file; give its own path: -m");
  check_named("adapter_model.safetensors", "an adapter (LoRA); merge it into its model");
  fs::remove(folder.file("config.json"));
  folder.write("sub/config.json", "{}");
  CHECK_REFUSED(open_checkpoint(folder.path(), {}), ("try -m " + folder.file("sub")).c_str());
}

TEST_CASE("an adapter beside the weights is refused: other programs would apply it") {
  Sharded folder;
  CHECK_NOTHROW(folder.open());
  folder.write("adapter_config.json", "{}");
  CHECK_REFUSED(folder.open(), "adapter_config.json: expected no adapter (LoRA)");
}

TEST_CASE("a quantisation that is not known is refused by name, before weights are opened") {
  ScratchFolder folder;
  std::ifstream in(kText + "/qwen2-untied-f32/config.json");
  Json config = Json::parse(in);
  config["quantization_config"] = {{"quant_method", "hqq"}, {"bits", 4}};
  folder.write("config.json", config.dump());
  CHECK_REFUSED(open_checkpoint(folder.path(), {}), "awq, bitsandbytes, compressed-tensors");
  CHECK_REFUSED(open_checkpoint(folder.path(), {}), "got 'hqq'");
  config["quantization_config"] = {{"bits", 4}};
  folder.write("config.json", config.dump());
  CHECK_REFUSED(open_checkpoint(folder.path(), {}), "quant_method: expected gptq");
  config["quantization_config"] = "gptq";
  folder.write("config.json", config.dump());
  CHECK_REFUSED(open_checkpoint(folder.path(), {}), "quantization_config: expected an object");
  config["quantization_config"] = Json::object();  // says nothing
  folder.write("config.json", config.dump());
  CHECK_REFUSED(open_checkpoint(folder.path(), {}), "expected model.safetensors");
}
