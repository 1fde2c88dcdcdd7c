// Whether pages are in the cache is asked of the system (mincore), never inferred from a speed.
#include "bench/suites/weight_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__)
#include <mntent.h>
#include <sys/sysmacros.h>
#endif

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <set>

#include "bench/support/output.h"
#include "bench/support/program.h"
#include "bench/support/table.h"
#include "engine/base/affix.h"
#include "engine/base/check.h"
#include "engine/checkpoint/checkpoint.h"

namespace qwench::bench {

namespace {

namespace fs = std::filesystem;
constexpr int64_t kMiB = int64_t(1) << 20;

/// The files of a folder that the model is read from: model.safetensors, those that its index names, or
/// whatever else has the ending of weights.
std::vector<std::string> files_of_folder(const std::string& folder) {
  std::error_code ignored;
  const std::string single = folder + "/model.safetensors",
                    index = folder + "/model.safetensors.index.json";
  if (fs::exists(single, ignored)) return {single};
  std::set<std::string> names;
  if (fs::exists(index, ignored)) {
    const Json document = parse_json_file(index);
    if (has(document, "weight_map"))
      for (const auto& [tensor, file] : document.at("weight_map").items())
        if (file.is_string()) names.insert(folder + "/" + file.get<std::string>());
    return {names.begin(), names.end()};
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const fs::path ending = entry.path().extension();
    if (ending == ".safetensors" || ending == ".gguf") names.insert(entry.path().string());
  }
  return {names.begin(), names.end()};
}

/// "name-00001-of-00003.gguf" -> "-of-00003.gguf"; "" for a file that is no shard.
std::string shard_ending(const std::string& name) {
  const size_t at = name.rfind("-of-");
  return at == std::string::npos || name.size() != at + 14 ? "" : name.substr(at);
}

struct Freed {
  void operator()(char* p) const { std::free(p); }
};
using Block = std::unique_ptr<char, Freed>;

Block aligned_block(int64_t bytes) {
  Block block(static_cast<char*>(std::aligned_alloc(4096, size_t(bytes))));
  if (!block) fail("memory: expected {} to read into, got none", format_bytes(bytes));
  return block;
}

#if defined(__linux__)
/// The mounted file system that a file lies in: the one with the longest name that leads to it.
struct Mount {
  std::string type, source, folder;
};
Mount mount_of(const std::string& path) {
  std::error_code ignored;
  const std::string real = fs::canonical(path, ignored).string();
  Mount best;
  FILE* table = setmntent("/proc/self/mounts", "r");
  if (!table) return best;
  while (const mntent* entry = getmntent(table)) {
    const std::string folder = entry->mnt_dir;
    const bool leads = folder == "/" || real == folder || real.rfind(folder + "/", 0) == 0;
    if (leads && folder.size() >= best.folder.size())
      best = {entry->mnt_type, entry->mnt_fsname, folder};
  }
  endmntent(table);
  return best;
}
#endif

}  // namespace

std::vector<File> open_weight_files(const std::string& model) {
  std::error_code ignored;
  std::vector<std::string> paths;
  if (fs::is_directory(model, ignored)) {
    paths = files_of_folder(model);
  } else if (fs::exists(model, ignored)) {
    const std::string ending = shard_ending(fs::path(model).filename().string());
    if (ending.empty()) {
      paths.push_back(model);
    } else {
      const fs::path folder = fs::path(model).parent_path();
      for (const fs::directory_entry& entry :
           fs::directory_iterator(folder.empty() ? fs::path(".") : folder))
        if (ends_with(entry.path().string(), ending)) paths.push_back(entry.path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<File> files;
  for (const std::string& path : paths) files.emplace_back(path);
  return files;
}

OrderedJson storage_device(const std::string& path) {
  OrderedJson json = {{"file_system", nullptr},
                      {"device", nullptr},
                      {"device_model", nullptr},
                      {"rotational", nullptr}};
#if defined(__linux__)
  const Mount mount = mount_of(path);
  json["file_system"] = text_or_null(mount.type);
  // Sources that are no device (an nfs server, a folder of the host) can name people and machines.
  if (mount.source.rfind("/dev/", 0) == 0) json["device"] = mount.source;
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return json;
  std::error_code failed;
  fs::path block = fs::canonical(
      fmt::format("/sys/dev/block/{}:{}", major(status.st_dev), minor(status.st_dev)), failed);
  for (int up = 0; up < 2 && !failed;
       ++up, block = block.parent_path()) {  // a partition has neither
    if (json["device_model"].is_null())
      json["device_model"] = text_or_null(first_line(block / "device/model"));
    const std::string rotational = first_line(block / "queue/rotational");
    if (!rotational.empty()) json["rotational"] = rotational == "1";
  }
#endif
  return json;
}

std::optional<double> cached_part(const File& file) {
#if defined(__linux__)
  if (file.size() == 0) return std::nullopt;
  const size_t bytes = size_t(file.size());
  void* map = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (map == MAP_FAILED) return std::nullopt;
  const size_t page = size_t(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((bytes + page - 1) / page);
  const bool told = mincore(map, bytes, pages.data()) == 0;
  munmap(map, bytes);
  if (!told) return std::nullopt;
  int64_t in_cache = 0;
  for (unsigned char p : pages) in_cache += p & 1;
  return double(in_cache) / double(pages.size());
#else
  (void)file;
  return std::nullopt;
#endif
}

std::string drop_from_cache(const std::vector<File>& files) {
#if defined(POSIX_FADV_DONTNEED)
  for (const File& file : files) {
    fdatasync(file.descriptor());  // pages that wait to be written cannot be forgotten
    const int failed = posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
    if (failed) return fmt::format("the system refused to forget the pages (error {})", failed);
    const std::optional<double> left = cached_part(file);
    if (!left) return "the system does not tell whether the page cache forgot the file";
    if (*left > 0.01)
      return fmt::format(
          "{:.0f} % of the file stayed in the page cache (tmpfs has no other place; another "
          "process "
          "may have it mapped)",
          100 * *left);
  }
  return "";
#else
  (void)files;
  return "this system has no call to drop a file from the page cache";
#endif
}

Reading read_sequentially(const std::vector<File>& files, int64_t most) {
  const Block block = aligned_block(kMiB);
  Reading reading;
  const int64_t start = now_ns();
  for (const File& file : files)
    for (int64_t at = 0; at < file.size() && reading.bytes < most;) {
      const int64_t n = std::min({kMiB, file.size() - at, most - reading.bytes});
      file.read_at(at, n, block.get());
      at += n, reading.bytes += n;
    }
  reading.seconds = double(now_ns() - start) * 1e-9;
  return reading;
}

std::vector<double> read_randomly(const std::vector<File>& files, int64_t block, int64_t n,
                                  double most_seconds) {
  std::vector<std::pair<const File*, int64_t>> places;
  for (const File& file : files) {
#if defined(POSIX_FADV_RANDOM)
    posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_RANDOM);  // no reading ahead
#endif
    for (int64_t at = 0; at + block <= file.size(); at += block) places.emplace_back(&file, at);
  }
  std::mt19937_64 random(1);
  std::shuffle(places.begin(), places.end(), random);
  const Block to = aligned_block(block);
  std::vector<double> seconds;
  const int64_t begin = now_ns();
  for (const auto& [file, at] : places) {
    if (int64_t(seconds.size()) == n || double(now_ns() - begin) > most_seconds * 1e9) break;
    const int64_t start = now_ns();
    file->read_at(at, block, to.get());
    seconds.push_back(double(now_ns() - start) * 1e-9);
  }
#if defined(POSIX_FADV_NORMAL)
  for (const File& file : files) posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_NORMAL);
#endif
  return seconds;
}

}  // namespace qwench::bench
