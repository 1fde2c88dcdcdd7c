// Replaces the global operator new by one that counts.
#include "tests/support/count_allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<int64_t> counter{0};
}

int64_t qwench::test::allocations() { return counter.load(); }

void* operator new(std::size_t bytes) {
  ++counter;
  if (void* p = std::malloc(bytes ? bytes : 1)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
