// Names from the index stay inside the folder; symbolic links are followed, since Hugging Face's own
// cache is made of them.
#include "engine/checkpoint/folder_files.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "engine/base/affix.h"
#include "engine/base/check.h"
#include "engine/base/json.h"
#include "engine/checkpoint/gguf.h"
#include "engine/checkpoint/unused_tensors.h"

namespace qwench {
namespace {

namespace fs = std::filesystem;

constexpr JsonLimits kIndexLimits{64 << 20, 3};
constexpr size_t kMaxShards = 4096;  // bounded by open descriptors long before

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// Only a plain name directly in the folder: no separator, nothing absolute, no parent.
void check_shard_name(const std::string& name, const std::string& where) {
  const bool plain = !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
                     name.find_first_of("/\\") == std::string::npos &&
                     name.find('\0') == std::string::npos;
  if (!plain) fail("{}: expected a file name inside the folder, got {}", where, in_quotes(name));
}

std::map<std::string, std::string> read_weight_map(const Json& index, const std::string& where) {
  if (!has(index, "weight_map") || !index.at("weight_map").is_object())
    fail("{}: expected an object 'weight_map'", where);
  std::map<std::string, std::string> map;
  for (const auto& [tensor, shard] : index.at("weight_map").items()) {
    if (!shard.is_string())
      fail("{}: weight_map {}: expected a file name, got {}", where, in_quotes(tensor),
           describe(shard));
    check_shard_name(shard.get_ref<const std::string&>(), where);
    map.emplace(tensor, shard.get<std::string>());
  }
  if (map.empty()) fail("{}: weight_map names no tensor", where);
  return map;
}

/// A shard that is missing is no fault where nothing in it is used.
bool is_needed(const FolderFiles& files, const std::string& shard) {
  for (const auto& [tensor, file] : files.index)
    if (file == shard && harmless_tensor(tensor).empty()) return true;
  return false;
}

void read_index(const std::string& folder, FolderFiles& files, std::vector<std::string>& notes) {
  const Json index = parse_json_file(files.index_file, kIndexLimits);
  files.index = read_weight_map(index, files.index_file);
  if (has(index, "metadata") && has(index.at("metadata"), "total_size") &&
      index.at("metadata").at("total_size").is_number())  // some writers store 1.0e9
    files.total_size = index.at("metadata").at("total_size").get<double>();
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : files.index) shards.insert(shard);
  if (shards.size() > kMaxShards)
    fail("{}: expected at most {} shards, got {}", files.index_file, kMaxShards, shards.size());
  for (const std::string& shard : shards) {
    if (exists(folder + "/" + shard)) {
      files.names.push_back(shard);
      continue;
    }
    if (is_needed(files, shard))
      fail("{}: expected shard {}, which is missing; download it again", files.index_file,
           in_quotes(shard));
    notes.push_back(fmt::format("{}: shard {} is missing; nothing in it is used", files.index_file,
                                in_quotes(shard)));
  }
}

/// The parts of "model-00002-of-00003.safetensors"; count 0 when a name is not of this form.
struct ShardName {
  int64_t number = 0, count = 0;
  std::string stem, extension;  // "model", ".safetensors"
  std::string name(int64_t i) const {
    return fmt::format("{}-{:05}-of-{:05}{}", stem, i, count, extension);
  }
  bool same_set(const ShardName& o) const { return stem == o.stem && count == o.count; }
};

ShardName parse_shard_name(const std::string& name) {
  constexpr std::string_view kForm = "-00000-of-00000";
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos || dot <= kForm.size()) return {};
  const std::string end = name.substr(dot - kForm.size(), kForm.size());
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = end[i] >= '0' && end[i] <= '9';
    if (kForm[i] == '0' ? !digit : end[i] != kForm[i]) return {};
  }
  return {std::stoll(end.substr(1, 5)), std::stoll(end.substr(10, 5)),
          name.substr(0, dot - kForm.size()), name.substr(dot)};
}

/// All shards of the one numbered set; none when there is none. Error when some are missing or there
/// are several sets.
std::vector<std::string> numbered_shards(const std::string& folder) {
  ShardName first;
  for (const std::string& name : names_in(folder)) {
    const ShardName one = parse_shard_name(name);
    if (one.extension != ".safetensors" || one.count < 1 || one.count > int64_t(kMaxShards))
      continue;
    if (first.count && !one.same_set(first))
      fail("{}: expected the shards of one model, got {} and {}; keep one set in the folder",
           folder, in_quotes(first.name(first.number)), in_quotes(name));
    if (!first.count) first = one;
  }
  std::vector<std::string> names;
  for (int64_t i = 1; i <= first.count; ++i) {
    names.push_back(first.name(i));
    if (!exists(folder + "/" + names.back()))
      fail("{}: expected shard {}, which is missing, beside {}; download it again", folder,
           in_quotes(names.back()), in_quotes(first.name(first.number)));
  }
  return names;
}

/// The one file of an older GPTQ folder, as quantize_config.json names it; "" when it does not.
std::string old_file_name(const std::string& folder) {
  const std::string where = folder + "/quantize_config.json";
  if (!exists(where)) return "";
  const Json options = parse_json_file(where);
  if (!has(options, "model_file_base_name")) return "";
  const std::string name = read_string(options, "model_file_base_name", where) + ".safetensors";
  check_shard_name(name, where);
  return name;
}

std::string describe_file(const std::string& folder, const std::string& name) {
  if (is_gguf_name(name))
    return is_mmproj_name(name)
               ? fmt::format("{}, the vision part of a model", in_quotes(name))
               : fmt::format("a GGUF file; give its own path: -m {}/{}", folder, name);
  if (name == "adapter_config.json" || name == "adapter_model.safetensors")
    return fmt::format("{}, an adapter (LoRA); merge it into its model (peft: merge_and_unload)",
                       in_quotes(name));
  if (ends_with(name, ".safetensors"))
    return fmt::format("{}; where that is the model's only file, call it model.safetensors",
                       in_quotes(name));
  for (const char* end : {".bin", ".pt", ".pth"})
    if (ends_with(name, end) && name != "training_args.bin")
      return fmt::format("PyTorch weights ({}); save the model with safe_serialization=True",
                         in_quotes(name));
  for (const char* end : {".h5", ".msgpack", ".onnx", ".npz"})
    if (ends_with(name, end))
      return fmt::format("weights of another framework ({}); download the safetensors files",
                         in_quotes(name));
  return "";
}

}  // namespace

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

FolderFiles find_folder_files(const std::string& folder, std::vector<std::string>& notes) {
  FolderFiles files;
  const std::string index = folder + "/model.safetensors.index.json";
  if (exists(folder + "/model.safetensors")) {
    files.names = {"model.safetensors"};
  } else if (exists(index)) {
    files.index_file = index;
    read_index(folder, files, notes);
  } else if (const std::string old = old_file_name(folder);
             !old.empty() && exists(folder + "/" + old)) {
    files.names = {old};
  } else {
    files.names = numbered_shards(folder);
    if (!files.names.empty())
      notes.push_back(fmt::format("{}: no model.safetensors.index.json: the {} shards are read",
                                  folder, files.names.size()));
  }
  if (files.names.empty())
    fail("{}: expected model.safetensors or model.safetensors.index.json, got {}", folder,
         describe_folder(folder));
  return files;
}

std::string gguf_in_folder(const std::string& folder) {
  std::vector<std::string> names;
  for (const std::string& name : names_in(folder))
    if (is_gguf_name(name) && !is_mmproj_name(name)) names.push_back(name);
  if (names.empty()) return "";
  const ShardName first = parse_shard_name(names.front());
  for (const std::string& name : names)
    if (name != names.front() && !(first.count && parse_shard_name(name).same_set(first)))
      fail(
          "{}: expected config.json or one GGUF file, got {} GGUF files ({}); give one of them: "
          "-m {}/{}",
          folder, names.size(), name_list(names), folder, names.front());
  return folder + "/" + names.front();
}

std::string describe_folder(const std::string& folder) {
  std::error_code error;
  const fs::directory_iterator readable(folder, error);
  if (error) return fmt::format("a folder that cannot be read ({})", error.message());
  const std::vector<std::string> names = names_in(folder);
  for (const std::string& name : names)
    if (const std::string what = describe_file(folder, name); !what.empty()) return what;
  for (const std::string& name : names)
    if (exists(fmt::format("{}/{}/config.json", folder, name)))
      return fmt::format("a folder with models in it; try -m {}/{}", folder, name);
  return "neither; download the model's files into it (hf download ID --local-dir FOLDER)";
}

}  // namespace qwench
