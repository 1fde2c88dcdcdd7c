// One name from the command line -> a checkpoint: an existing folder or GGUF file first, then a shape
// card.
#include <algorithm>
#include <filesystem>

#include "engine/check.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/folder.h"
#include "engine/checkpoint/gguf_checkpoint.h"
#include "engine/checkpoint/random.h"
#include "engine/checkpoint/shape_card.h"

namespace qwench {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse_file(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  fail(
      "{}: expected a GGUF file or the folder that holds config.json and the weights, got another "
      "file; try {}",
      path, parent.empty() ? "." : parent);
}

[[noreturn]] void refuse_unknown(const std::string& path) {
  std::string near;
  for (const std::string& name : near_shape_cards(path))
    near += fmt::format("{}{}", near.empty() ? "; did you mean " : " or ", name);
  fail_usage(
      "model: expected a model folder, a GGUF file or the name of a shape card, got {}{}; "
      "'qwench models' lists the cards",
      in_quotes(path), near);
}

}  // namespace

std::string model_source(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return path;
  if (fs::exists(fs::path(path) / "config.json", error)) return path;
  std::vector<std::string> files;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
    if (it->path().extension() == ".gguf") files.push_back(it->path().string());
  if (files.empty()) return path;
  std::sort(files.begin(), files.end());
  const std::string shards = fmt::format("-00001-of-{:05}.gguf", files.size());
  const std::string& first = files.front();
  if (files.size() > 1 && (first.size() < shards.size() ||
                           first.compare(first.size() - shards.size(), shards.size(), shards) != 0))
    fail("{}: expected config.json or one GGUF file, got {} GGUF files; try -m {}", path,
         files.size(), first);
  return first;
}

std::unique_ptr<Checkpoint> open_checkpoint(const std::string& name, const OpenOptions& options) {
  const std::string path = model_source(name);
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) return std::make_unique<FolderCheckpoint>(path, options);
  if (is_gguf_file(path)) return std::make_unique<GgufCheckpoint>(path, options);
  if (const ShapeCard* card = find_shape_card(path))
    return std::make_unique<RandomCheckpoint>(card->name, read_shape_card(*card), options);
  if (fs::exists(status)) refuse_file(path);
  refuse_unknown(path);
}

}  // namespace qwench
