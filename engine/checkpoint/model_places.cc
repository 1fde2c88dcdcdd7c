// One environment variable, for installations that keep models elsewhere.
#include "engine/checkpoint/model_places.h"

#include <cstdlib>
#include <filesystem>

#include "engine/checkpoint/folder_files.h"
#include "engine/checkpoint/gguf.h"

namespace qwench {

std::vector<std::string> model_places() {
  const char* given = std::getenv("QWENCH_MODELS");
  if (given && *given) return {given};
  return {"models", QWENCH_SOURCE_MODELS, QWENCH_INSTALLED_MODELS};
}

std::string model_in_places(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) return "";
  for (const std::string& place : model_places()) {
    const std::string path = place + "/" + name;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path + "/config.json", ignored)) return path;
    if (std::filesystem::is_directory(path, ignored) && !gguf_in_folder(path).empty()) return path;
    if (is_gguf_file(path)) return path;
  }
  return "";
}

}  // namespace qwench
