// A checkpoint folder in memory whose tensors and options a test changes before it is written and
// opened: malformed quantised checkpoints, and tiny ones with values worked out by hand.
#pragma once
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/checkpoint/folder.h"
#include "tests/support/scratch.h"
#include "tests/support/test_model.h"

namespace qwench::test {

struct EditedTensor {
  std::string dtype;
  std::vector<int64_t> shape;
  std::string data;
};

/// The bytes of numbers of one type.
template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

class EditedFolder : public ScratchFolder {
 public:
  std::map<std::string, EditedTensor> tensors;
  Json config;

  /// No tensors; the configuration of some model and this entry in it.
  EditedFolder(const std::string& key, const Json& options) {
    config = parse_json_file(data_folder("text/qwen2-untied-f32/config.json"));
    config[key] = options;
  }
  /// A copy of tests/data/quantized/<name>, or of tests/data/<name> where that has a folder in it.
  explicit EditedFolder(const std::string& name) {
    const bool in_folder = name.find('/') != std::string::npos;
    const std::string from = data_folder(in_folder ? name : "quantized/" + name);
    config = parse_json_file(from + "/config.json");
    const SafetensorsFile file(from + "/model.safetensors");
    for (const StoredTensor& t : file.tensors()) {
      EditedTensor& to = tensors[t.name] = {t.dtype, t.shape, {}};
      to.data.resize(size_t(t.end - t.begin));
      file.read(t, 0, t.end - t.begin, to.data.data());
    }
  }

  /// The options of the quantisation, whichever key holds them.
  Json& options() {
    return config.contains("quantization") ? config["quantization"] : config["quantization_config"];
  }

  FolderCheckpoint open() const {
    save();
    return FolderCheckpoint(path(), {});
  }

  /// Writes the files, whatever they say.
  void save() const {
    write("config.json", config.dump());
    OrderedJson header = OrderedJson::object();
    std::string data;
    for (const auto& [name, t] : tensors) {
      header[name] = {{"dtype", t.dtype},
                      {"shape", t.shape},
                      {"data_offsets", {data.size(), data.size() + t.data.size()}}};
      data += t.data;
    }
    write("model.safetensors", safetensors_bytes(header.dump(), 0) + data);
  }

  /// All elements of a matrix of the folder.
  std::vector<float> read(const std::string& name) const {
    const FolderCheckpoint checkpoint = open();
    const TensorInfo* info = checkpoint.find(name);
    if (!info || info->dtype != DType::kF32) fail("{}: not there as f32", name);
    std::vector<float> values(size_t(info->shape.count()));
    checkpoint.read(*info, 0, info->shape.count(), values.data());
    return values;
  }
};

}  // namespace qwench::test
