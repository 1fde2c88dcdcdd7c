// Memory from huge pages: buffers are cut from 64 MiB mappings whose start lies on a huge page, so
// that a matrix of 1.6 MB streams as fast as one of 100 MB. Memory is zero when handed out, and goes
// back to the system when the last buffer of its mapping is released.
#pragma once
#include <cstdint>
#include <vector>

namespace qwench::cpu {

class PageArena {
 public:
  PageArena() = default;
  ~PageArena();
  PageArena(const PageArena&) = delete;
  PageArena& operator=(const PageArena&) = delete;

  /// 64-byte aligned and zeroed; null when the system has no room.
  void* allocate(int64_t bytes);
  void release(void* data);

 private:
  struct Mapping {
    char* start = nullptr;  // on a huge page
    int64_t size = 0, used = 0, live = 0;
    void* mapped = nullptr;  // what munmap wants
    int64_t mapped_size = 0;
  };
  bool add_mapping(int64_t bytes);

  std::vector<Mapping> mappings_;
};

}  // namespace qwench::cpu
