// Probe kernels for AVX2 + FMA (and 256-bit AVX-VNNI): chains of one instruction in registers, as
// many as hide its latency (4-5 cycles at 2 a cycle: 10), and streaming reads of several shapes.
#include <immintrin.h>

#include <utility>

#include "cpu/probe_kernels.h"

namespace qwench::cpu {
namespace {

template <int kCount>
using Indices = std::make_integer_sequence<int, kCount>;

// ---- DRAM: 256 bytes of every stream in turn, added into 8 sums; a load folds into its add.

/// One step of one stream; prefetches its 4 lines `kAhead` bytes on (past the end is harmless).
template <int kAhead, int... kI>
inline void add_lines(const uint8_t* p, __m256i* sums, std::integer_sequence<int, kI...>) {
  if constexpr (kAhead > 0) {
    const uintptr_t ahead = reinterpret_cast<uintptr_t>(p) + kAhead;
    for (uintptr_t line = 0; line < 256; line += 64)
      _mm_prefetch(reinterpret_cast<const char*>(ahead + line), _MM_HINT_T0);
  }
  ((sums[kI] =
        _mm256_add_epi64(sums[kI], _mm256_load_si256(reinterpret_cast<const __m256i*>(p) + kI))),
   ...);
}

template <int kAhead, int... kStream>
inline uint64_t read_streams(const uint8_t* data, int64_t bytes,
                             std::integer_sequence<int, kStream...>) {
  const int64_t part = bytes / static_cast<int64_t>(sizeof...(kStream));
  __m256i sums[8];
  for (__m256i& s : sums) s = _mm256_setzero_si256();
  for (int64_t i = 0; i < part; i += 256)
    (add_lines<kAhead>(data + kStream * part + i, sums, Indices<8>{}), ...);
  for (int k = 1; k < 8; ++k) sums[0] = _mm256_add_epi64(sums[0], sums[k]);
  uint64_t words[4];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(words), sums[0]);
  return words[0] + words[1] + words[2] + words[3];
}

template <int kStreams, int kAhead>
uint64_t read_avx2(const uint8_t* data, int64_t bytes) {
  return read_streams<kAhead>(data, bytes, Indices<kStreams>{});
}

// ---- fp32: x = x * x + x, so that 16 chains need no register beside their own.

template <int... kChain>
inline double fma_chains(int64_t iterations, std::integer_sequence<int, kChain...>) {
  alignas(32) float lanes[8 * sizeof...(kChain)];
  for (int l = 0; l < static_cast<int>(sizeof...(kChain)) * 8; ++l) lanes[l] = fp32_start(l);
  __m256 x[] = {_mm256_load_ps(lanes + 8 * kChain)...};
  for (int64_t i = 0; i < iterations; ++i)
    ((x[kChain] = _mm256_fmadd_ps(x[kChain], x[kChain], x[kChain])), ...);
  (_mm256_store_ps(lanes + 8 * kChain, x[kChain]), ...);
  double sum = 0;
  for (float v : lanes) sum += static_cast<double>(v);
  return sum;
}

template <int kChains>
double fma_avx2(int64_t iterations) {
  return fma_chains(iterations, Indices<kChains>{});
}

// ---- int8: the operands of the dot products, and the sum at the end.

struct Operands {
  __m256i u, s;
};

inline Operands operands() {
  alignas(32) uint8_t u[32];
  alignas(32) int8_t s[32];
  for (int k = 0; k < 32; ++k) {
    u[k] = static_cast<uint8_t>(int8_unsigned(k));
    s[k] = static_cast<int8_t>(int8_signed(k));
  }
  return {_mm256_load_si256(reinterpret_cast<const __m256i*>(u)),
          _mm256_load_si256(reinterpret_cast<const __m256i*>(s))};
}

template <int kChains>
inline double lane_sum(const __m256i (&accumulators)[kChains]) {
  double sum = 0;
  for (const __m256i& a : accumulators) {
    int32_t lanes[8];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), a);
    for (int32_t v : lanes) sum += v;
  }
  return sum;
}

inline void hide(__m256i& v) { __asm__ volatile("" : "+x"(v)); }

/// a += madd(maddubs(u, s), 1). The empty asm makes u a new value, so that no product is re-used.
inline __m256i dot_maddubs(__m256i a, Operands* o, __m256i ones) {
  hide(o->u);
  return _mm256_add_epi32(a, _mm256_madd_epi16(_mm256_maddubs_epi16(o->u, o->s), ones));
}

template <int... kChain>
inline double maddubs_chains(int64_t iterations, std::integer_sequence<int, kChain...>) {
  Operands o = operands();
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i a[sizeof...(kChain)];
  ((a[kChain] = _mm256_setzero_si256()), ...);
  for (int64_t i = 0; i < iterations; ++i) ((a[kChain] = dot_maddubs(a[kChain], &o, ones)), ...);
  return lane_sum(a);
}

template <int kChains>
double maddubs_avx2(int64_t iterations) {
  return maddubs_chains(iterations, Indices<kChains>{});
}

template <int... kChain>
__attribute__((target("avxvnni"))) inline double vnni_chains(
    int64_t iterations, std::integer_sequence<int, kChain...>) {
  const Operands o = operands();
  __m256i a[sizeof...(kChain)];
  ((a[kChain] = _mm256_setzero_si256()), ...);
  (hide(a[kChain]), ...);  // equal chains: g++ would compute one and copy it
  for (int64_t i = 0; i < iterations; ++i)
    ((a[kChain] = _mm256_dpbusd_avx_epi32(a[kChain], o.u, o.s)), ...);
  return lane_sum(a);
}

template <int kChains>
__attribute__((target("avxvnni"))) double vnni_avx(int64_t iterations) {
  return vnni_chains(iterations, Indices<kChains>{});
}

constexpr ReadKernel kRead[] = {
    {"avx2_1stream", read_avx2<1, 0>},
    {"avx2_2streams", read_avx2<2, 0>},
    {"avx2_4streams", read_avx2<4, 0>},
    {"avx2_1stream_prefetch1k", read_avx2<1, 1024>},
    {"avx2_1stream_prefetch4k", read_avx2<1, 4096>},
    {"avx2_1stream_prefetch8k", read_avx2<1, 8192>},
    {"avx2_2streams_prefetch2k", read_avx2<2, 2048>},
    {"avx2_2streams_prefetch4k", read_avx2<2, 4096>},
    {"avx2_4streams_prefetch2k", read_avx2<4, 2048>},
};
// 16 op (8 multiply-adds) and 64 op (32) an instruction; 2 FMA or dot products a cycle, and
// maddubs + madd on the same 2 multipliers: one pair a cycle.
constexpr ComputeKernel kFp32[] = {
    {"avx2_8chains", 16 * 8, 32, fma_avx2<8>},
    {"avx2_10chains", 16 * 10, 32, fma_avx2<10>},
    {"avx2_12chains", 16 * 12, 32, fma_avx2<12>},
    {"avx2_16chains", 16 * 16, 32, fma_avx2<16>},
};
constexpr ComputeKernel kInt8[] = {
    {"avx2_6chains", 64 * 6, 64, maddubs_avx2<6>},
    {"avx2_8chains", 64 * 8, 64, maddubs_avx2<8>},
    {"avx2_12chains", 64 * 12, 64, maddubs_avx2<12>},
};
constexpr ComputeKernel kVnni[] = {
    {"avxvnni_10chains", 64 * 10, 128, vnni_avx<10>},
    {"avxvnni_12chains", 64 * 12, 128, vnni_avx<12>},
    {"avxvnni_14chains", 64 * 14, 128, vnni_avx<14>},
};

}  // namespace

KernelSpan<ReadKernel> read_kernels_avx2() { return {kRead, 9}; }
KernelSpan<ComputeKernel> fp32_kernels_avx2() { return {kFp32, 4}; }
KernelSpan<ComputeKernel> int8_kernels_avx2() { return {kInt8, 3}; }
KernelSpan<ComputeKernel> int8_kernels_avxvnni() { return {kVnni, 3}; }

}  // namespace qwench::cpu
