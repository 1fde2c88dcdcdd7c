// One name from the command line -> a checkpoint: an existing folder first, then a shape card.
#include <filesystem>

#include "engine/check.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/folder.h"
#include "engine/checkpoint/random.h"
#include "engine/checkpoint/shape_card.h"

namespace qwench {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse_file(const std::string& path) {
  if (fs::path(path).extension() == ".gguf")
    fail("{}: GGUF is not supported yet; expected a folder with config.json and safetensors files",
         path);
  const std::string parent = fs::path(path).parent_path().string();
  fail("{}: expected the folder that holds config.json and the weights, got a file; try {}", path,
       parent.empty() ? "." : parent);
}

[[noreturn]] void refuse_unknown(const std::string& path) {
  std::string near;
  for (const std::string& name : near_shape_cards(path))
    near += fmt::format("{}{}", near.empty() ? "; did you mean " : " or ", name);
  fail_usage(
      "model: expected a model folder or the name of a shape card, got {}{}; "
      "'qwench models' lists the cards",
      in_quotes(path), near);
}

}  // namespace

std::unique_ptr<Checkpoint> open_checkpoint(const std::string& path, const OpenOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) return std::make_unique<FolderCheckpoint>(path, options);
  if (const ShapeCard* card = find_shape_card(path))
    return std::make_unique<RandomCheckpoint>(card->name, read_shape_card(*card), options);
  if (fs::exists(status)) refuse_file(path);
  refuse_unknown(path);
}

}  // namespace qwench
