// Source of the layout: huggingface_hub (constants.py, file_download.py, utils/_validators.py).
#include "engine/checkpoint/hub_cache.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/checkpoint/folder_files.h"

namespace qwench {
namespace {

namespace fs = std::filesystem;

/// Letters, digits and "-._", neither ".." nor "--" in it nor "-" or "." at an end: a name of an owner, a
/// model or a revision, which cannot lead out of a folder.
bool is_plain_name(std::string_view name) {
  const auto is_plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  const auto is_end = [](char c) { return c == '-' || c == '.'; };
  return !name.empty() && name.size() <= 96 && std::all_of(name.begin(), name.end(), is_plain) &&
         name.find("..") == name.npos && name.find("--") == name.npos && !is_end(name.front()) &&
         !is_end(name.back());
}

/// A variable of the environment, a leading "~" expanded; "" when it is not set.
std::string variable(const char* name) {
  const char* value = std::getenv(name);
  if (!value || !*value) return "";
  const char* home = std::getenv("HOME");
  if (value[0] == '~' && (value[1] == '/' || !value[1]) && home)
    return home + std::string(value + 1);
  return value;
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// The revision that refs/main names; "" when it names none.
std::string main_revision(const std::string& entry) {
  constexpr int64_t kMostBytes = 256;
  const std::string path = entry + "/refs/main";
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return "";
  std::string text = read_file(path, kMostBytes);
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  if (!is_plain_name(text))
    fail("{}: expected the name of a revision, got {}; download the model again", path,
         in_quotes(text));
  return text;
}

}  // namespace

bool is_hub_id(std::string_view name) {
  const size_t slash = name.find('/');
  return slash != name.npos && is_plain_name(name.substr(0, slash)) &&
         is_plain_name(name.substr(slash + 1));
}

std::string hub_cache_folder() {
  for (const char* name :
       {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})  // the second in older versions
    if (const std::string folder = variable(name); !folder.empty()) return folder;
  if (const std::string home = variable("HF_HOME"); !home.empty()) return home + "/hub";
  const std::string cache = variable("XDG_CACHE_HOME");
  return (cache.empty() ? variable("HOME") + "/.cache" : cache) + "/huggingface/hub";
}

std::string hub_snapshot(const std::string& id) {
  QWENCH_CHECK(is_hub_id(id));
  const size_t slash = id.find('/');
  return snapshot_in(fmt::format("{}/models--{}--{}", hub_cache_folder(), id.substr(0, slash),
                                 id.substr(slash + 1)));
}

std::string snapshot_in(const std::string& entry) {
  const std::string snapshots = entry + "/snapshots";
  if (!is_folder(snapshots)) return "";
  const std::string revision = main_revision(entry);
  if (!revision.empty() && is_folder(snapshots + "/" + revision)) return snapshots + "/" + revision;
  const std::vector<std::string> names = names_in(snapshots);
  if (names.empty()) return "";
  if (names.size() > 1)
    fail("{}: expected one revision or refs/main to name one, got {}; give one of them: -m {}/{}",
         snapshots, name_list(names), snapshots, names.front());
  return snapshots + "/" + names.front();
}

}  // namespace qwench
