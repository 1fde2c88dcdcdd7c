// A folder that lives as long as one test, and bytes of safetensors files to put into it.
#pragma once
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace qwench::test {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "qwench-test-XXXXXX").string();
    if (!mkdtemp(name.data())) std::abort();
    path_ = name;
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  /// A file, in folders of its own where the name holds some.
  std::string write(const std::string& name, const std::string& bytes) const {
    std::filesystem::create_directories(std::filesystem::path(file(name)).parent_path());
    std::ofstream(file(name), std::ios::binary) << bytes;
    return file(name);
  }

 private:
  std::string path_;
};

/// A little-endian length, then the header, then data of zeros.
inline std::string safetensors_bytes(uint64_t length, const std::string& header, size_t data) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += char(uint8_t(length >> (8 * i)));
  return out + header + std::string(data, '\0');
}
inline std::string safetensors_bytes(const std::string& header, size_t data) {
  return safetensors_bytes(header.size(), header, data);
}

}  // namespace qwench::test
