// Probe kernels for AVX-512 VNNI: vpdpbusd in independent chains, 256 and 512 bit. Which width is
// faster depends on the core: a half-width multiplier takes two cycles for 512 bits.
#include <immintrin.h>

#include <utility>

#include "cpu/probe_kernels.h"

namespace qwench::cpu {
namespace {

struct Narrow {
  using Vector = __m256i;
  static Vector zero() { return _mm256_setzero_si256(); }
  static Vector load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static void store(void* p, Vector v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }
  static void hide(Vector& v) { __asm__ volatile("" : "+v"(v)); }
  static Vector dot(Vector a, Vector u, Vector s) { return _mm256_dpbusd_epi32(a, u, s); }
};

struct Wide {
  using Vector = __m512i;
  static Vector zero() { return _mm512_setzero_si512(); }
  static Vector load(const void* p) { return _mm512_loadu_si512(p); }
  static void store(void* p, Vector v) { _mm512_storeu_si512(p, v); }
  static void hide(Vector& v) { __asm__ volatile("" : "+v"(v)); }
  static Vector dot(Vector a, Vector u, Vector s) { return _mm512_dpbusd_epi32(a, u, s); }
};

template <class Width, int... kChain>
inline double vnni_chains(int64_t iterations, std::integer_sequence<int, kChain...>) {
  using Vector = typename Width::Vector;
  uint8_t u[64];
  int8_t s[64];
  for (int k = 0; k < 64; ++k) {
    u[k] = static_cast<uint8_t>(int8_unsigned(k));
    s[k] = static_cast<int8_t>(int8_signed(k));
  }
  const Vector vu = Width::load(u), vs = Width::load(s);
  Vector a[sizeof...(kChain)];
  ((a[kChain] = Width::zero()), ...);
  (Width::hide(a[kChain]), ...);  // equal chains: g++ would compute one and copy it
  for (int64_t i = 0; i < iterations; ++i) ((a[kChain] = Width::dot(a[kChain], vu, vs)), ...);
  int32_t lanes[sizeof(Vector) / 4 * sizeof...(kChain)];
  (Width::store(lanes + sizeof(Vector) / 4 * kChain, a[kChain]), ...);
  double sum = 0;
  for (int32_t v : lanes) sum += v;
  return sum;
}

template <class Width, int kChains>
double vnni_avx512(int64_t iterations) {
  return vnni_chains<Width>(iterations, std::make_integer_sequence<int, kChains>{});
}

constexpr ComputeKernel kVnni[] = {
    {"avx512vnni_256bit_10chains", 64 * 10, 128, vnni_avx512<Narrow, 10>},
    {"avx512vnni_256bit_16chains", 64 * 16, 128, vnni_avx512<Narrow, 16>},
    {"avx512vnni_512bit_10chains", 128 * 10, 128, vnni_avx512<Wide, 10>},
    {"avx512vnni_512bit_16chains", 128 * 16, 128, vnni_avx512<Wide, 16>},
};

}  // namespace

KernelSpan<ComputeKernel> int8_kernels_avx512vnni() { return {kVnni, 4}; }

}  // namespace qwench::cpu
