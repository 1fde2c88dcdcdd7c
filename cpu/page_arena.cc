// Bump allocation: memory is never handed out twice from one mapping, hence always zero.
#include "cpu/page_arena.h"

#include <sys/mman.h>

#include <algorithm>

#include "engine/base/checked.h"

namespace qwench::cpu {

namespace {
constexpr int64_t kHugePage = int64_t(2) << 20;
constexpr int64_t kMappingBytes = int64_t(64) << 20;
constexpr int64_t kLargest = int64_t(1) << 46;  // nothing a machine could have: fails at once
}  // namespace

PageArena::~PageArena() {
  for (const Mapping& m : mappings_) munmap(m.mapped, size_t(m.mapped_size));
}

bool PageArena::add_mapping(int64_t bytes) {
  Mapping m;
  m.size = std::max(kMappingBytes, round_up(bytes, kHugePage));
  m.mapped_size = m.size + kHugePage;  // room to start on a huge page
  m.mapped = mmap(nullptr, size_t(m.mapped_size), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (m.mapped == MAP_FAILED) return false;
  const uintptr_t address = reinterpret_cast<uintptr_t>(m.mapped);
  const uintptr_t page = uintptr_t(kHugePage);
  m.start = static_cast<char*>(m.mapped) + (page - address % page) % page;
#if defined(MADV_HUGEPAGE)
  madvise(m.start, size_t(m.size), MADV_HUGEPAGE);  // advice: may be ignored
#endif
  mappings_.push_back(m);
  return true;
}

void* PageArena::allocate(int64_t bytes) {
  if (bytes > kLargest) return nullptr;
  const int64_t needed = round_up(std::max<int64_t>(bytes, 1), 64);
  const auto has_room = [needed](const Mapping& m) { return m.size - m.used >= needed; };
  auto at = std::find_if(mappings_.begin(), mappings_.end(), has_room);
  if (at == mappings_.end()) {
    if (!add_mapping(needed)) return nullptr;
    at = mappings_.end() - 1;
  }
  void* data = at->start + at->used;
  at->used += needed;
  at->live++;
  return data;
}

void PageArena::release(void* data) {
  const char* p = static_cast<const char*>(data);
  const auto holds = [p](const Mapping& m) { return p >= m.start && p < m.start + m.size; };
  const auto at = std::find_if(mappings_.begin(), mappings_.end(), holds);
  QWENCH_CHECK(at != mappings_.end() && at->live > 0);
  if (--at->live > 0) return;
  munmap(at->mapped, size_t(at->mapped_size));
  mappings_.erase(at);
}

}  // namespace qwench::cpu
