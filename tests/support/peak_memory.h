// The most memory that this process has held so far.
#pragma once
#include <sys/resource.h>

#include <cstdint>

namespace qwench::test {

// Sanitizers surround every allocation and keep what was freed.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define QWENCH_SANITIZED 1
#endif
#endif
#if defined(QWENCH_SANITIZED) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int64_t kMemoryFactor = 5;
#else
constexpr int64_t kMemoryFactor = 1;
#endif

inline int64_t peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
  return int64_t(usage.ru_maxrss) / 1024;  // bytes there
#else
  return int64_t(usage.ru_maxrss);
#endif
}

}  // namespace qwench::test
