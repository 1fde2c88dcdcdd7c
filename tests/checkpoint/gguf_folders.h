// The golden folders with a GGUF file: a few in tests/data, the rest where the shared folder is.
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
  MESSAGE("skipped: GGUF folders that are not in tests/data: no $QWENCH_SHARED/golden/quantized");
  return "";
}

/// Each folder once, sorted by name.
inline std::vector<std::string> gguf_folders() {
  std::map<std::string, std::string> by_name;
  for (const std::string& root : {shared_quantized(), data_folder("quantized")}) {
    if (!std::filesystem::is_directory(root)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(root)) {
      const std::string name = entry.path().filename().string();
      if (name.rfind("gguf-", 0) == 0) by_name[name] = entry.path().string();
    }
  }
  std::vector<std::string> folders;
  for (const auto& [name, path] : by_name) folders.push_back(path);
  return folders;
}

/// The GGUF file of a folder, of several shards the first.
inline std::string gguf_in(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".gguf") files.push_back(entry.path().string());
  REQUIRE(!files.empty());
  return *std::min_element(files.begin(), files.end());
}

}  // namespace qwench::test
