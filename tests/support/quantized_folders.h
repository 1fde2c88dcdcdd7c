// The golden folders with quantised weights: a few in tests/data, the rest where the shared folder is.
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/support/test_model.h"

namespace qwench::test {

/// The shared folders, or "" (said aloud) where they are not.
inline std::string shared_quantized() {
  const char* set = std::getenv("QWENCH_SHARED");
  const std::string root = set ? set : QWENCH_SOURCE_DIR "/../shared";
  if (std::filesystem::is_directory(root + "/golden/quantized")) return root + "/golden/quantized";
  MESSAGE(
      "skipped: quantised folders that are not in tests/data: no $QWENCH_SHARED/golden/quantized");
  return "";
}

/// Each folder once, sorted by name.
inline std::vector<std::string> quantized_folders() {
  std::map<std::string, std::string> by_name;
  for (const std::string& root : {shared_quantized(), data_folder("quantized")}) {
    if (!std::filesystem::is_directory(root)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(root))
      if (entry.is_directory()) by_name[entry.path().filename().string()] = entry.path().string();
  }
  std::vector<std::string> folders;
  for (const auto& [name, path] : by_name) folders.push_back(path);
  return folders;
}

inline bool has_gguf(const std::string& folder) {
  return std::filesystem::path(folder).filename().string().rfind("gguf-", 0) == 0;
}

/// Those with GGUF files, and those with safetensors files.
inline std::vector<std::string> gguf_folders(bool gguf = true) {
  std::vector<std::string> folders;
  for (const std::string& folder : quantized_folders())
    if (has_gguf(folder) == gguf) folders.push_back(folder);
  return folders;
}
inline std::vector<std::string> safetensors_folders() { return gguf_folders(false); }

/// The GGUF file of a folder, of several shards the first.
inline std::string gguf_in(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".gguf") files.push_back(entry.path().string());
  REQUIRE(!files.empty());
  return *std::min_element(files.begin(), files.end());
}

}  // namespace qwench::test
