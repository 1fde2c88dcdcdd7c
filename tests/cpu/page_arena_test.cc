// Buffers from shared mappings: aligned, zero, apart, and given back.
#include "cpu/page_arena.h"

#include <doctest/doctest.h>

#include <cstring>

using qwench::cpu::PageArena;

TEST_CASE("buffers are aligned, zero and do not overlap, small and large") {
  PageArena arena;
  char* last = nullptr;
  for (int64_t bytes : {0, 1, 63, 64, 65, 1 << 20, 100 << 20}) {
    char* p = static_cast<char*>(arena.allocate(bytes));
    REQUIRE(p);
    CHECK(reinterpret_cast<uintptr_t>(p) % 64 == 0);
    CHECK(p != last);
    for (int64_t i = 0; i < bytes; i += 4093) CHECK(p[i] == 0);
    std::memset(p, 1, size_t(bytes));
    last = p;
  }
}

TEST_CASE("memory handed out again after a release is zero") {
  PageArena arena;
  for (int round = 0; round < 3; ++round) {
    char *a = static_cast<char*>(arena.allocate(1000)),
         *b = static_cast<char*>(arena.allocate(1000));
    CHECK((a[0] == 0 && a[999] == 0 && b[0] == 0 && b[999] == 0));
    std::memset(a, 7, 1000), std::memset(b, 7, 1000);
    arena.release(a);
    arena.release(b);
  }
}

TEST_CASE("a size that no machine has is refused, not attempted") {
  PageArena arena;
  CHECK(arena.allocate(int64_t(1) << 60) == nullptr);
  CHECK(arena.allocate(INT64_MAX) == nullptr);
}
