// Opening a model folder: what config.json and the index say is compared with the files; where they only
// keep books, the files are believed.
#include "engine/checkpoint/folder.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "engine/base/check.h"
#include "engine/base/checked.h"
#include "engine/base/dtype.h"
#include "engine/base/json.h"
#include "engine/checkpoint/unused_tensors.h"
#include "engine/checkpoint/wide_keys.h"

namespace qwench {
namespace {

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

/// Some re-saved checkpoints hold the inner model alone, without the "model." prefix.
std::string canonical(const std::string& name) {
  for (const char* inner : {"embed_tokens.", "layers.", "norm."})
    if (name.rfind(inner, 0) == 0) return "model." + name;
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

bool is_zeros(const Part& part) {
  if (!part.is_float()) return false;
  const std::vector<float> values = part.read_floats(0, part.elements());
  return std::all_of(values.begin(), values.end(), [](float value) { return value == 0; });
}

/// An adapter beside the weights would be applied by other programs.
void refuse_adapter(const std::string& folder) {
  if (exists(folder + "/adapter_config.json"))
    fail(
        "{}/adapter_config.json: expected no adapter (LoRA) beside the weights, since none is "
        "applied; merge it into them (peft: merge_and_unload), or move it away where it is merged",
        folder);
}

}  // namespace

FolderCheckpoint::FolderCheckpoint(const std::string& path, const OpenOptions& options)
    : path_(path) {
  const std::string config_file = path + "/config.json";
  if (!exists(config_file))
    fail("{}: expected config.json and model.safetensors, got {}", path, describe_folder(path));
  const Json config = parse_json_file(config_file);
  own_types_ = read_quantized_types(config, config_file);
  const std::unique_ptr<WeightScheme> scheme =
      own_types_ ? nullptr : detect_weight_scheme(config, path);
  config_ = read_model_config(config, config_file, &notes_);
  open_files(options);
  refuse_adapter(path);
  sort_parts();
  if (scheme) take_packed(*scheme);
  drop_unused();
  if (own_types_) take_own();
  list_tensors();
  if (!own_types_ && packed_.empty()) config_.stored_dtype = main_dtype(tensors_);
  config_.wide_key_layers = wide_key_layers(*this);
}

void FolderCheckpoint::open_files(const OpenOptions& options) {
  const FolderFiles files = find_folder_files(path_, notes_);
  files_.reserve(files.names.size());
  for (const std::string& name : files.names) {
    files_.emplace_back(path_ + "/" + name, options.mmap);
    for (const StoredTensor& stored : files_.back().tensors())
      parts_.push_back({canonical(stored.name), &files_.back(), &stored});
  }
  check_index(files);
}

void FolderCheckpoint::check_index(const FolderFiles& files) {
  if (files.index_file.empty()) return;
  const UnusedTensors unused(config_, path_);
  std::vector<std::string> absent, elsewhere;
  std::map<std::string_view, const SafetensorsFile*> holder;
  for (const SafetensorsFile& file : files_)
    for (const StoredTensor& stored : file.tensors()) holder.emplace(stored.name, &file);
  for (const auto& [tensor, file] : files.index) {
    const auto found = holder.find(tensor);
    if (found != holder.end()) {
      if (found->second->path() != path_ + "/" + file) elsewhere.push_back(tensor);
      continue;
    }
    const bool tied_head = config_.tied_embeddings && tensor == "lm_head.weight";
    if (unused.uses(canonical(tensor)) && !tied_head)
      fail("{}: expected tensor {} in {}, where it is not; download the shards again",
           files.index_file, in_quotes(tensor), file);
    absent.push_back(tensor);
  }
  if (!absent.empty())
    notes_.push_back(fmt::format("{}: names tensors that are in no shard and are not used: {}",
                                 files.index_file, name_list(absent)));
  if (!elsewhere.empty())
    notes_.push_back(fmt::format("{}: names another shard than holds {}", files.index_file,
                                 name_list(elsewhere)));
  int64_t total = 0;
  for (const Part& part : parts_) total = checked_add(total, part.bytes(), files.index_file);
  if (files.total_size >= 0 && files.total_size != double(total))
    notes_.push_back(fmt::format("{}: total_size is {:.0f} where the shards hold {} bytes",
                                 files.index_file, files.total_size, total));
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
  for (const std::string& note : scheme.notes()) notes_.push_back(path_ + ": " + note);
}

void FolderCheckpoint::drop_unused() {
  UnusedTensors unused(config_, path_);
  for (const auto& [name, weight] : packed_)
    if (!unused.uses(name)) unused.drop(name, name, [] { return false; });
  const auto is_unused = [&](const Part& part) {
    if (unused.uses(part.name)) return false;
    unused.drop(part.name, part.name, [&] { return is_zeros(part); });
    return true;
  };
  parts_.erase(std::remove_if(parts_.begin(), parts_.end(), is_unused), parts_.end());
  unused.finish(notes_);
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
  if (const TensorInfo* found = find_tensor(tensors_, name)) return found;
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
