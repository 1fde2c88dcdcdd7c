// Opening a model folder: every promise of config.json and the index is checked before use. Names
// from the index stay inside the folder; symbolic links are followed, since Hugging Face's own
// cache is made of them.
#include "engine/checkpoint/folder.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "engine/check.h"
#include "engine/checked.h"
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
    if (extension == ".gguf") return "a GGUF file, which is not supported yet";
    if (extension == ".bin" || extension == ".pt" || extension == ".pth")
      return "PyTorch weights; save the model with safe_serialization=True";
  }
  return "neither";
}

void refuse_quantized(const Json& config, const std::string& where) {
  for (const char* key : {"quantization_config", "quantization"}) {
    if (!has(config, key)) continue;
    const Json& quantization = config.at(key);
    const std::string method = has(quantization, "quant_method")
                                   ? describe(quantization.at("quant_method"))
                                   : std::string("unnamed method");
    fail(
        "{}: expected float weights, got quantized ones ({}), which are not supported yet ({}); "
        "use the unquantized checkpoint",
        key, method, where);
  }
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

}  // namespace

FolderCheckpoint::FolderCheckpoint(const std::string& path, const OpenOptions& options)
    : path_(path) {
  const std::string config_file = path + "/config.json";
  if (!exists(config_file))
    fail("{}: expected config.json and model.safetensors, got {}", path, other_format(path));
  const Json config = parse_json_file(config_file);
  refuse_quantized(config, config_file);
  if (has(config, "text_config")) refuse_quantized(config.at("text_config"), config_file);
  config_ = read_model_config(config, config_file);
  if (exists(path + "/model.safetensors"))
    open_single(options);
  else if (exists(path + "/model.safetensors.index.json"))
    open_shards(options);
  else
    fail("{}: expected model.safetensors or model.safetensors.index.json, got {}", path,
         other_format(path));
  finish();
}

void FolderCheckpoint::open_single(const OpenOptions& options) {
  files_.emplace_back(path_ + "/model.safetensors", options.mmap);
  for (const StoredTensor& stored : files_[0].tensors()) add(0, stored);
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
      add(files_.size() - 1, stored);
    }
  }
  check_total_size(index, total, where);
}

void FolderCheckpoint::add(size_t file, const StoredTensor& stored) {
  places_.push_back({canonical(stored.name), file, &stored});
}

void FolderCheckpoint::finish() {
  std::sort(places_.begin(), places_.end(),
            [](const Place& a, const Place& b) { return a.name < b.name; });
  for (size_t i = 1; i < places_.size(); ++i)
    if (places_[i].name == places_[i - 1].name)
      fail("{}: tensor {} is there twice (in {} and {})", path_, in_quotes(places_[i].name),
           files_[places_[i - 1].file].path(), files_[places_[i].file].path());
  for (const Place& place : places_) {
    try {
      TensorInfo info = place.stored->info(path_);
      if (info.dtype == DType::kI32) continue;
      info.name = place.name;
      tensors_.push_back(std::move(info));
    } catch (const Error&) {  // refused by find(), when and if a model asks for it
    }
  }
}

const FolderCheckpoint::Place* FolderCheckpoint::place_of(std::string_view name) const {
  const auto found =
      std::lower_bound(places_.begin(), places_.end(), name,
                       [](const Place& p, std::string_view n) { return p.name < n; });
  return found != places_.end() && found->name == name ? &*found : nullptr;
}

const TensorInfo* FolderCheckpoint::find(std::string_view name) const {
  const auto found =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const TensorInfo& t, std::string_view n) { return t.name < n; });
  if (found != tensors_.end() && found->name == name) return &*found;
  if (const Place* place = place_of(name)) {
    const TensorInfo info = place->stored->info(files_[place->file].path());
    fail("tensor {}: expected dtype F32, F16 or BF16, got {} ({})", in_quotes(name),
         name_of(info.dtype), files_[place->file].path());
  }
  return nullptr;
}

void FolderCheckpoint::read(const TensorInfo& tensor, int64_t first, int64_t count,
                            void* to) const {
  const Place* place = place_of(tensor.name);
  QWENCH_CHECK(place != nullptr);
  QWENCH_CHECK(first >= 0 && count >= 0 && first <= tensor.shape.count() - count);
  const int64_t size = size_of(tensor.dtype);
  files_[place->file].read(*place->stored, first * size, count * size, to);
}

}  // namespace qwench
