// Ordinary stores beside streaming ones: the first win in the caches, the second in memory, where they
// spare the read of every line before it is overwritten.
#include <immintrin.h>

#include "cpu/stream_kernels.h"

namespace qwench::cpu {
namespace {

template <bool kStreaming>
inline void store(float* to, __m256 v) {
  if constexpr (kStreaming)
    _mm256_stream_ps(to, v);
  else
    _mm256_store_ps(to, v);
}

template <bool kStreaming>
inline void finish() {
  if constexpr (kStreaming) _mm_sfence();
}

template <bool kStreaming>
void write_avx2(float* to, const float*, const float*, int64_t n) {
  const __m256 one = _mm256_set1_ps(1);
  for (int64_t i = 0; i < n; i += 64)
    for (int64_t k = 0; k < 64; k += 8) store<kStreaming>(to + i + k, one);
  finish<kStreaming>();
}

template <bool kStreaming>
void copy_avx2(float* to, const float* from, const float*, int64_t n) {
  for (int64_t i = 0; i < n; i += 64)
    for (int64_t k = 0; k < 64; k += 8) store<kStreaming>(to + i + k, _mm256_load_ps(from + i + k));
  finish<kStreaming>();
}

template <bool kStreaming>
void triad_avx2(float* to, const float* from, const float* other, int64_t n) {
  const __m256 factor = _mm256_set1_ps(kTriadFactor);
  for (int64_t i = 0; i < n; i += 64)
    for (int64_t k = 0; k < 64; k += 8) {
      const __m256 product = _mm256_load_ps(other + i + k);
      store<kStreaming>(to + i + k, _mm256_fmadd_ps(factor, product, _mm256_load_ps(from + i + k)));
    }
  finish<kStreaming>();
}

constexpr StreamKernel kWrite[] = {{"avx2", write_avx2<false>},
                                   {"avx2_streaming", write_avx2<true>}};
constexpr StreamKernel kCopy[] = {{"avx2", copy_avx2<false>}, {"avx2_streaming", copy_avx2<true>}};
constexpr StreamKernel kTriad[] = {{"avx2", triad_avx2<false>},
                                   {"avx2_streaming", triad_avx2<true>}};

}  // namespace

StreamKernels stream_kernels_avx2() { return {{kWrite, 2}, {kCopy, 2}, {kTriad, 2}}; }

}  // namespace qwench::cpu
