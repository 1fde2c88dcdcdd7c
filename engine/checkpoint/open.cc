// One name from the command line -> a checkpoint: what exists under it first, then a model of that name
// in the places for models, a shape card, and an id in Hugging Face's cache.
#include <algorithm>
#include <filesystem>

#include "engine/base/check.h"
#include "engine/base/edit_distance.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/folder.h"
#include "engine/checkpoint/gguf_checkpoint.h"
#include "engine/checkpoint/hub_cache.h"
#include "engine/checkpoint/model_places.h"
#include "engine/checkpoint/random.h"
#include "engine/checkpoint/shape_card.h"

namespace qwench {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse_file(const std::string& path) {
  const fs::path parent = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : ".";
  std::error_code ignored;
  fail(
      "{}: expected a GGUF file or the folder that holds config.json and the weights, got another "
      "file{}",
      path,
      fs::exists(parent / "config.json", ignored)
          ? " of such a folder; give the folder: -m " + parent.string()
          : ", without config.json beside it");
}

std::string near_cards(const std::string& name, const char* before) {
  std::string near;
  for (const std::string& card : near_shape_cards(name))
    near += fmt::format("{}{}", near.empty() ? before : " or ", card);
  return near;
}

[[noreturn]] void refuse_hub_id(const std::string& id) {
  const std::string name = id.substr(id.find('/') + 1);
  fail_usage(
      "model: expected {} to be a folder here or a model in Hugging Face's cache ({}), got "
      "neither, "
      "and nothing is downloaded by this program; `hf download {} --local-dir {}` (in older "
      "versions "
      "huggingface-cli) fetches it, then give -m {}{}",
      in_quotes(id), hub_cache_folder(), id, name, name,
      near_cards(id, "; the same shape with random weights is -m "));
}

/// The names of models in the places for them that are nearly this one.
std::string near_models(const std::string& name) {
  std::string near;
  for (const auto& [there, path] : models_in_places())
    if (edit_distance(name.substr(0, 64), there) <= std::max<size_t>(1, name.size() / 4))
      near += fmt::format("{}{}", near.empty() ? "; did you mean " : " or ", there);
  return near;
}

[[noreturn]] void refuse_unknown(const std::string& path) {
  const bool is_path = path.find('/') != path.npos;
  const std::string near = is_path ? "" : near_models(path);
  fail_usage(
      "model: expected a model folder, a GGUF file, an id in Hugging Face's cache such as "
      "Qwen/Qwen3-0.6B or the name of a shape card or of a model in {}, got {}{}{}; 'qwench "
      "models' "
      "lists what there is",
      fmt::join(model_places(), ", "), in_quotes(path),
      is_path ? ", where no file or folder is" : "",
      near.empty() ? near_cards(path, "; did you mean ") : near);
}

/// What a name leads to where nothing exists under it; the name itself when it leads nowhere.
std::string find_by_name(const std::string& name) {
  if (const std::string found = model_in_places(name); !found.empty()) return found;
  if (find_shape_card(name) || !is_hub_id(name)) return name;
  const std::string snapshot = hub_snapshot(name);
  return snapshot.empty() ? name : snapshot;
}

}  // namespace

std::string model_source(const std::string& name) {
  std::error_code error;
  const std::string path = fs::exists(name, error) ? name : find_by_name(name);
  if (!fs::is_directory(path, error) || fs::exists(fs::path(path) / "config.json", error))
    return path;
  const std::string snapshot = snapshot_in(path);  // of an entry of the cache, given by its path
  const std::string folder = snapshot.empty() ? path : snapshot;
  if (fs::exists(fs::path(folder) / "config.json", error)) return folder;
  const std::string gguf = gguf_in_folder(folder);
  return gguf.empty() ? folder : gguf;
}

std::unique_ptr<Checkpoint> open_shape_card(const std::string& name, const OpenOptions& options) {
  const ShapeCard* card = find_shape_card(name);
  QWENCH_CHECK(card);
  return std::make_unique<RandomCheckpoint>(card->name, read_shape_card(*card), options);
}

std::unique_ptr<Checkpoint> open_checkpoint(const std::string& name, const OpenOptions& options) {
  const std::string path = model_source(name);
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (error == std::errc::permission_denied) fail("{}: {}", path, error.message());
  if (fs::is_directory(status)) return std::make_unique<FolderCheckpoint>(path, options);
  if (is_gguf_file(path)) return std::make_unique<GgufCheckpoint>(path, options);
  if (find_shape_card(path)) return open_shape_card(path, options);
  if (fs::exists(status)) refuse_file(path);
  if (is_hub_id(path)) refuse_hub_id(path);
  refuse_unknown(path);
}

}  // namespace qwench
