// Opening a model folder: every promise of config.json and the index is checked before use. Names
// from the index stay inside the folder; symbolic links are followed, since Hugging Face's own
// cache is made of them.
#include "engine/checkpoint/folder.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/dtype.h"
#include "engine/json.h"

namespace qwench {
namespace {

namespace fs = std::filesystem;

constexpr JsonLimits kIndexLimits{64 << 20, 3};
constexpr size_t kMaxShards = 4096;  // bounded by open descriptors long before

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// What the folder holds instead of safetensors, for the message.
std::string other_format(const std::string& folder) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string extension = it->path().extension().string();
    if (extension == ".gguf") return "a GGUF file; give its own path to -m";
    if (extension == ".bin" || extension == ".pt" || extension == ".pth")
      return "PyTorch weights; save the model with safe_serialization=True";
  }
  return "neither";
}

/// Only a plain name directly in the folder: no separator, nothing absolute, no parent.
void check_shard_name(const std::string& name, const std::string& where) {
  const bool plain = !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
                     name.find_first_of("/\\") == std::string::npos &&
                     name.find('\0') == std::string::npos;
  if (!plain) fail("{}: expected a file name inside the folder, got {}", where, in_quotes(name));
}

/// Some re-saved checkpoints hold the inner model alone, without the "model." prefix.
std::string canonical(const std::string& name) {
  for (const char* inner : {"embed_tokens.", "layers.", "norm."})
    if (name.rfind(inner, 0) == 0) return "model." + name;
  return name;
}

/// Shard file -> tensors the index places in it.
std::map<std::string, std::vector<std::string>> read_weight_map(const Json& index,
                                                                const std::string& where) {
  if (!has(index, "weight_map") || !index.at("weight_map").is_object())
    fail("{}: expected an object 'weight_map'", where);
  std::map<std::string, std::vector<std::string>> shards;
  for (const auto& [tensor, shard] : index.at("weight_map").items()) {
    if (!shard.is_string())
      fail("{}: weight_map {}: expected a file name, got {}", where, in_quotes(tensor),
           describe(shard));
    check_shard_name(shard.get_ref<const std::string&>(), where);
    shards[shard.get<std::string>()].push_back(tensor);
  }
  if (shards.empty()) fail("{}: weight_map names no tensor", where);
  if (shards.size() > kMaxShards)
    fail("{}: expected at most {} shards, got {}", where, kMaxShards, shards.size());
  return shards;
}

void check_total_size(const Json& index, int64_t total, const std::string& where) {
  if (!has(index, "metadata") || !has(index.at("metadata"), "total_size")) return;
  const Json& value = index.at("metadata").at("total_size");
  const double promised = value.is_number() ? value.get<double>() : -1;  // some writers store 1.0e9
  if (promised != double(total))
    fail(
        "{}: total_size: expected {} as the shards hold, got {}; the shards are of another "
        "download",
        where, total, describe(value));
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

/// The end of `name` after "<module>." when it is one of `part_names`, else "".
std::string_view part_name_of(std::string_view name,
                              const std::vector<std::string_view>& part_names) {
  for (const std::string_view part : part_names)
    if (name.size() > part.size() + 1 && name[name.size() - part.size() - 1] == '.' &&
        name.substr(name.size() - part.size()) == part)
      return part;
  return "";
}

/// Nothing but a weight of floats: the quantiser left this module as it was.
bool is_plain(const PackedModule& module) {
  return module.parts.size() == 1 && module.parts.begin()->first == "weight" &&
         module.parts.begin()->second.is_float();
}

/// Whether the architecture has a bias at this module of a layer.
bool has_bias(const ModelConfig& config, const std::string& module) {
  if (!config.qkv_bias) return false;
  for (const std::string_view with_bias : {"q_proj", "k_proj", "v_proj"})
    if (!part_name_of(module, {with_bias}).empty()) return true;
  return false;
}

}  // namespace

FolderCheckpoint::FolderCheckpoint(const std::string& path, const OpenOptions& options)
    : path_(path) {
  const std::string config_file = path + "/config.json";
  if (!exists(config_file))
    fail("{}: expected config.json and model.safetensors, got {}", path, other_format(path));
  const Json config = parse_json_file(config_file);
  own_types_ = read_quantized_types(config, config_file);
  const std::unique_ptr<WeightScheme> scheme =
      own_types_ ? nullptr : detect_weight_scheme(config, path);
  config_ = read_model_config(config, config_file);
  open_files(options);
  sort_parts();
  if (scheme) take_packed(*scheme);
  if (own_types_) take_own();
  list_tensors();
}

void FolderCheckpoint::open_files(const OpenOptions& options) {
  if (exists(path_ + "/model.safetensors")) return open_single("model.safetensors", options);
  if (exists(path_ + "/model.safetensors.index.json")) return open_shards(options);
  const std::string old_name = old_file_name(path_);
  if (!old_name.empty() && exists(path_ + "/" + old_name)) return open_single(old_name, options);
  fail("{}: expected model.safetensors or model.safetensors.index.json, got {}", path_,
       other_format(path_));
}

void FolderCheckpoint::open_single(const std::string& file, const OpenOptions& options) {
  files_.emplace_back(path_ + "/" + file, options.mmap);
  for (const StoredTensor& stored : files_[0].tensors()) add(files_[0], stored);
}

void FolderCheckpoint::open_shards(const OpenOptions& options) {
  const std::string where = path_ + "/model.safetensors.index.json";
  const Json index = parse_json_file(where, kIndexLimits);
  const auto shards = read_weight_map(index, where);
  int64_t total = 0;
  files_.reserve(shards.size());
  for (const auto& [shard, names] : shards) {
    const std::string file = path_ + "/" + shard;
    if (!exists(file)) fail("{}: expected shard {}, which is missing", where, in_quotes(shard));
    files_.emplace_back(file, options.mmap);
    for (const std::string& name : names)
      if (!files_.back().find(name))
        fail("{}: expected tensor {} in {}, where it is not", where, in_quotes(name), shard);
    for (const StoredTensor& stored : files_.back().tensors()) {
      total = checked_add(total, stored.end - stored.begin, where);
      add(files_.back(), stored);
    }
  }
  check_total_size(index, total, where);
}

void FolderCheckpoint::add(const SafetensorsFile& file, const StoredTensor& stored) {
  parts_.push_back({canonical(stored.name), &file, &stored});
}

void FolderCheckpoint::sort_parts() {
  std::sort(parts_.begin(), parts_.end(),
            [](const Part& a, const Part& b) { return a.name < b.name; });
  for (size_t i = 1; i < parts_.size(); ++i)
    if (parts_[i].name == parts_[i - 1].name)
      fail("{}: tensor {} is there twice (in {} and {})", path_, in_quotes(parts_[i].name),
           parts_[i - 1].file->path(), parts_[i].file->path());
}

void FolderCheckpoint::take_packed(const WeightScheme& scheme) {
  std::map<std::string, PackedModule> modules;
  std::vector<Part> rest;
  for (Part& part : parts_) {
    const std::string_view end = part_name_of(part.name, scheme.part_names());
    if (end.empty()) {
      rest.push_back(std::move(part));
      continue;
    }
    const std::string name = part.name.substr(0, part.name.size() - end.size() - 1);
    PackedModule& module = modules[name];
    module.name = name;
    module.folder = path_;
    module.parts.emplace(end, std::move(part));
  }
  parts_ = std::move(rest);
  for (auto& [name, module] : modules) {
    if (is_plain(module))
      parts_.push_back(std::move(module.parts.begin()->second));
    else
      packed_.emplace(name + ".weight", scheme.assemble(module));
  }
  sort_parts();
  if (packed_.empty())
    fail(
        "{}: expected weights quantised with {}, as the configuration says, got none; remove "
        "that entry where the weights are floats",
        path_, scheme.name());
  config_.stored_dtype = DType::kQ4_0;
  for (const auto& [name, weight] : packed_)
    if (weight->dtype() == DType::kF32) config_.stored_dtype = DType::kF32;
  take_extra_biases();
}

void FolderCheckpoint::take_own() {
  for (const auto& [name, type] : own_types_->matrices) {
    const Part* part = part_of(name);
    if (!part)
      fail("tensor {}: missing, though config.json gives its type (in {}); write the folder again",
           in_quotes(name), path_);
    tensors_.push_back(quantized_tensor(*part, type));
  }
  config_.stored_dtype = own_types_->layers;
}

void FolderCheckpoint::take_extra_biases() {
  const auto is_extra = [&](const Part& part) {
    if (part_name_of(part.name, {"bias"}).empty() || !part.is_float()) return false;
    const std::string module = part.name.substr(0, part.name.size() - 5);
    if (!packed_.count(module + ".weight") || has_bias(config_, module)) return false;
    for (const float value : part.read_floats(0, part.bytes() / (part.dtype() == "F32" ? 4 : 2)))
      if (value != 0)
        part.refuse("expected a bias of zeros, since {} has none at this module, got {}",
                    config_.model_type, value);
    return true;
  };
  parts_.erase(std::remove_if(parts_.begin(), parts_.end(), is_extra), parts_.end());
}

void FolderCheckpoint::list_tensors() {
  for (const Part& part : parts_) {
    if (own_types_ && own_types_->matrices.count(part.name)) continue;
    try {
      TensorInfo info = part.stored->info(path_);
      if (info.dtype == DType::kI32) continue;
      info.name = part.name;
      tensors_.push_back(std::move(info));
    } catch (const Error&) {  // refused by find(), when and if a model asks for it
    }
  }
  for (const auto& [name, weight] : packed_) {
    if (const Part* part = part_of(name))
      part->refuse("there both as it is and quantised; the checkpoint is damaged");
    TensorInfo info;
    info.name = name;
    info.dtype = weight->dtype();
    info.shape = {weight->rows(), weight->cols()};
    info.stored = weight->stored();
    tensors_.push_back(std::move(info));
  }
  std::sort(tensors_.begin(), tensors_.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
}

const Part* FolderCheckpoint::part_of(std::string_view name) const {
  const auto found = std::lower_bound(parts_.begin(), parts_.end(), name,
                                      [](const Part& p, std::string_view n) { return p.name < n; });
  return found != parts_.end() && found->name == name ? &*found : nullptr;
}

const TensorInfo* FolderCheckpoint::find(std::string_view name) const {
  const auto found =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const TensorInfo& t, std::string_view n) { return t.name < n; });
  if (found != tensors_.end() && found->name == name) return &*found;
  if (const Part* part = part_of(name)) {
    const TensorInfo info = part->stored->info(part->file->path());
    part->refuse("expected dtype F32, F16 or BF16, got {}", name_of(info.dtype));
  }
  return nullptr;
}

void FolderCheckpoint::read(const TensorInfo& tensor, int64_t first, int64_t count,
                            void* to) const {
  QWENCH_CHECK(first >= 0 && count >= 0 && first <= tensor.shape.count() - count);
  if (const auto packed = packed_.find(tensor.name); packed != packed_.end())
    return packed->second->read(first, count, to);
  const Part* part = part_of(tensor.name);
  QWENCH_CHECK(part != nullptr);
  if (is_quantized(tensor.dtype)) {
    const int64_t cols = tensor.cols();
    QWENCH_CHECK(first % cols == 0 && count % cols == 0);
    const int64_t bytes = row_bytes(tensor.dtype, cols);
    return part->file->read(*part->stored, first / cols * bytes, count / cols * bytes, to);
  }
  const int64_t size = size_of(tensor.dtype);
  part->file->read(*part->stored, first * size, count * size, to);
}

}  // namespace qwench
