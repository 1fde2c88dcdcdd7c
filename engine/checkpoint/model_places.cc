// One environment variable, for installations that keep models elsewhere. What was installed is found from where
// the program is: `cmake --install --prefix` moves both.
#include "engine/checkpoint/model_places.h"

#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#include <cstdlib>
#include <filesystem>
#include <set>

#include "engine/base/check.h"
#include "engine/checkpoint/folder_files.h"
#include "engine/checkpoint/gguf.h"

namespace qwench {

namespace fs = std::filesystem;

fs::path program_file() {
  std::error_code ignored;
#ifdef __APPLE__
  char path[4096];
  uint32_t size = sizeof path;
  return _NSGetExecutablePath(path, &size) == 0 ? fs::canonical(path, ignored) : fs::path();
#else
  return fs::read_symlink("/proc/self/exe", ignored);
#endif
}

std::vector<std::string> model_places() {
  const char* given = std::getenv("QWENCH_MODELS");
  if (given && *given) return {given};
  const fs::path program = program_file();
  std::vector<std::string> places = {"models"};
  if (!program.empty())
    places.push_back((program.parent_path() / QWENCH_INSTALLED_MODELS).lexically_normal().string());
  places.emplace_back(QWENCH_SOURCE_MODELS);
  return places;
}

std::string model_in_places(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) return "";
  for (const std::string& place : model_places()) {
    const std::string path = place + "/" + name;
    std::error_code ignored;
    if (fs::is_regular_file(path + "/config.json", ignored)) return path;
    if (fs::is_directory(path, ignored) && !gguf_in_folder(path).empty()) return path;
    if (is_gguf_file(path)) return path;
  }
  return "";
}

std::vector<std::pair<std::string, std::string>> models_in_places() {
  std::vector<std::pair<std::string, std::string>> models;
  std::set<std::string> seen;
  for (const std::string& place : model_places())
    for (const std::string& name : names_in(place)) {
      if (seen.count(name)) continue;
      try {
        if (std::string path = model_in_places(name); !path.empty()) {
          seen.insert(name);
          models.emplace_back(name, std::move(path));
        }
      } catch (const Error&) {  // several models in one folder
      }
    }
  return models;
}

}  // namespace qwench
