// Model folders: every published form opens and reads alike, and an index that lies is refused
// (S16).
#include "engine/checkpoint/folder.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <vector>

#include "engine/check.h"
#include "engine/checkpoint/random.h"
#include "tests/support/scratch.h"

using namespace qwench;
using test::ScratchFolder;
namespace fs = std::filesystem;

#define CHECK_REFUSED(expression, words) \
  CHECK_THROWS_WITH_AS((void)(expression), doctest::Contains(words), Error)

namespace {

const std::string kText = QWENCH_SOURCE_DIR "/tests/data/text";

/// A folder with a valid config.json and shards a.safetensors (tensor x) and b.safetensors (y, z).
class Sharded : public ScratchFolder {
 public:
  Sharded() {
    fs::copy_file(kText + "/qwen2-untied-f32/config.json", file("config.json"));
    const std::vector<float> v = {1, 2, 3, 4};
    write_safetensors(file("a.safetensors"), {{{"x", DType::kF32, {4}}, v.data()}});
    write_safetensors(file("b.safetensors"),
                      {{{"y", DType::kF32, {2}}, v.data()}, {{"z", DType::kF32, {1}}, v.data()}});
    map = {{"x", "a.safetensors"}, {"y", "b.safetensors"}, {"z", "b.safetensors"}};
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
                   R"("ids":{"dtype":"I32","shape":[1],"data_offsets":[4,8]}})",
                   8));
  const FolderCheckpoint checkpoint(folder.path(), {});
  CHECK(checkpoint.tensors().empty());
  CHECK_REFUSED(checkpoint.find("model.norm.weight"), "got F8_E4M3");
  CHECK_REFUSED(checkpoint.find("ids"), "got i32");
}

TEST_CASE("S16: an index that tells the truth opens, through symbolic links too") {
  Sharded folder;
  for (const bool mmap : {false, true}) {
    const FolderCheckpoint checkpoint = folder.open(mmap);
    CHECK(checkpoint.tensors().size() == 3);
    std::vector<float> y(2);
    checkpoint.read(*checkpoint.find("y"), 0, 2, y.data());
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
    folder.map["x"] = name;
    CHECK_REFUSED(folder.open(), "file name inside the folder");
  }
  folder.map["x"] = "none.safetensors";
  CHECK_REFUSED(folder.open(), "'none.safetensors', which is missing");
  folder.map["x"] = "config.json";
  CHECK_REFUSED(folder.open(), "config.json");
}

TEST_CASE("S16: an index that disagrees with its shards is refused") {
  Sharded folder;
  SUBCASE("tensor in the map, not in the shard") {
    folder.map["w"] = "a.safetensors";
    CHECK_REFUSED(folder.open(), "expected tensor 'w' in a.safetensors");
  }
  SUBCASE("the wrong shard") {
    folder.map["x"] = "b.safetensors";
    CHECK_REFUSED(folder.open(), "expected tensor 'x' in b.safetensors");
  }
  SUBCASE("total_size") {
    folder.total = 27;
    CHECK_REFUSED(folder.open(), "total_size: expected 28");
  }
  SUBCASE("one tensor in two shards") {
    const std::vector<float> v(4);
    write_safetensors(folder.file("b.safetensors"), {{{"x", DType::kF32, {1}}, v.data()},
                                                     {{"y", DType::kF32, {2}}, v.data()},
                                                     {{"z", DType::kF32, {1}}, v.data()}});
    folder.total = 32;
    CHECK_REFUSED(folder.open(), "'x' is there twice");
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
    CHECK_REFUSED(index(R"({"metadata":{"total_size":"28"},"weight_map":{"x":"a.safetensors"}})"),
                  "total_size");
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
  CHECK_REFUSED(open_checkpoint(folder.file("m.gguf"), {}), "version at byte 4");
  CHECK_REFUSED(open_checkpoint(folder.file("config.json"), {}), "or the folder that holds");
  fs::remove(folder.file("m.gguf"));
  fs::create_directory(folder.file("model.safetensors"));
  CHECK_REFUSED(open_checkpoint(folder.path(), {}), "got a directory");
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
}
