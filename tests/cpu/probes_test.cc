// The probes compute what they say (an optimised-away probe would measure nothing) and what is read
// from the machine is plausible. How fast they are is for `doctor` to say: no test here has a
// floor.
#include "cpu/probes.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/cpu_info.h"
#include "cpu/probe_kernels.h"
#include "engine/base/host_memory.h"

namespace qwench::cpu {
namespace {

std::vector<KernelSpan<ComputeKernel>> all_int8() {
  std::vector<KernelSpan<ComputeKernel>> lists = {int8_kernels_scalar(), int8_kernels(),
                                                  int8_vnni_kernels()};
#if defined(__x86_64__)
  if (cpu_info().avx_vnni) lists.push_back(int8_kernels_avxvnni());
#endif
  return lists;
}

int lanes_of(const ComputeKernel& kernel) { return static_cast<int>(kernel.op_per_iteration / 2); }

double expected_fp32(const ComputeKernel& kernel, int64_t iterations) {
  double sum = 0;
  for (int lane = 0; lane < lanes_of(kernel); ++lane) {
    float x = fp32_start(lane);
    for (int64_t i = 0; i < iterations; ++i) x = std::fma(x, x, x);
    sum += static_cast<double>(x);
  }
  return sum;
}

double expected_int8(const ComputeKernel& kernel, int64_t iterations) {
  int64_t step = 0;
  for (int k = 0; k < lanes_of(kernel); ++k) step += int8_unsigned(k) * int8_signed(k);
  return static_cast<double>(step * iterations);
}

struct Words {
  explicit Words(int64_t count)
      : bytes(8 * count),
        data(static_cast<uint64_t*>(std::aligned_alloc(64, static_cast<size_t>(bytes)))) {
    for (int64_t i = 0; i < count; ++i) data[i] = static_cast<uint64_t>(i) * 0x9e3779b97f4a7c15u;
  }
  ~Words() { std::free(data); }
  Words(const Words&) = delete;
  Words& operator=(const Words&) = delete;
  uint64_t sum() const {
    uint64_t total = 0;
    for (int64_t i = 0; i < bytes / 8; ++i) total += data[i];
    return total;
  }
  const uint8_t* raw() const { return reinterpret_cast<const uint8_t*>(data); }
  int64_t bytes;
  uint64_t* data;
};

TEST_CASE("every read probe sums every word once") {
  for (const KernelSpan<ReadKernel>& kernels : {read_kernels_scalar(), read_kernels()})
    for (const ReadKernel& kernel : kernels)
      for (int64_t units : {1, 3, 17}) {
        CAPTURE(kernel.name);
        CAPTURE(units);
        Words words(units * kReadUnit / 8);
        CHECK(kernel.read(words.raw(), words.bytes) == words.sum());
        for (int64_t i : {int64_t{0}, words.bytes / 16 + 1, words.bytes / 8 - 1}) {
          const uint64_t before = words.sum();
          words.data[i] ^= uint64_t{1} << 63;  // one flipped bit anywhere must show
          CHECK(kernel.read(words.raw(), words.bytes) != before);
        }
      }
}

TEST_CASE("every fp32 probe takes each of its lanes through each of its steps") {
  for (const KernelSpan<ComputeKernel>& kernels : {fp32_kernels_scalar(), fp32_kernels()})
    for (const ComputeKernel& kernel : kernels)
      for (int64_t iterations : {0, 1, 2, 7, 100}) {
        CAPTURE(kernel.name);
        CAPTURE(iterations);
        const double expected = expected_fp32(kernel, iterations);
        // Steps round to 2^-24 of |x| <= 1/2 (twice without fma) and shrink earlier errors.
        const double bound = 1e-6 * lanes_of(kernel);
        CHECK(std::abs(kernel.run(iterations) - expected) <= bound);
        CHECK(std::abs(kernel.run(iterations + 1) - expected) > bound);
      }
}

TEST_CASE("every int8 probe gives the exact sum of its products") {
  for (const KernelSpan<ComputeKernel>& kernels : all_int8())
    for (const ComputeKernel& kernel : kernels)
      for (int64_t iterations : {0, 1, 2, 7, 1000}) {
        CAPTURE(kernel.name);
        CAPTURE(iterations);
        CHECK(kernel.run(iterations) == expected_int8(kernel, iterations));
        CHECK(kernel.run(iterations + 1) != expected_int8(kernel, iterations));
      }
}

TEST_CASE("every bf16 probe gives the exact sum of its products") {
  for (const ComputeKernel& kernel : bf16_kernels()) {
    double step = 0;
    for (int k = 0; k < 32; ++k) step += bf16_left(k) * bf16_right(k);
    step *= lanes_of(kernel) / 32.0;
    for (int64_t iterations : {0, 1, 2, 7, 1000}) {
      CAPTURE(kernel.name);
      CHECK(kernel.run(iterations) == step * double(iterations));
    }
    CHECK(step != 0);
  }
}

TEST_CASE("every probe has several kernels to choose from") {
  CHECK(read_kernels().count >= 2);
  CHECK(fp32_kernels().count >= 2);
  CHECK(int8_kernels().count >= 2);
  CHECK(int8_vnni_kernels().count != 1);
  CHECK(bf16_kernels().count != 1);
}

void check_probe(const Probe& probe, const char* name, const char* unit, int threads) {
  CAPTURE(probe.kernel);
  CHECK(probe.name.compare(0, std::string(name).size(), name) == 0);
  CHECK(!probe.kernel.empty());
  CHECK(probe.unit == unit);
  CHECK(probe.threads == threads);
  CHECK(probe.per_second > 0);
  CHECK(std::isfinite(probe.per_second));
  // Twice the limit is work that the compiler left out; slower is any noise.
  if (probe.limit > 0) CHECK(probe.per_second < 1.6 * probe.limit);
}

TEST_CASE("the roofline is positive, names its kernels and stays below the documented limits") {
  for (int threads : {1, 2}) {
    const std::unique_ptr<Probes> probes = make_probes(threads);
    const Ceilings roofline = probes->ceilings(0.05);
    CHECK(roofline.clock_hz > 1e6);
    CHECK(roofline.clock_hz < 2e10);
    check_probe(roofline.fp32_fma, "fp32_fma", "op/s", threads);
    check_probe(roofline.int8, "int8_", "op/s", threads);
    if (cpu_info().avx2) CHECK(roofline.fp32_fma.limit > 0);
    if (bf16_kernels().count > 0)
      check_probe(roofline.bf16, "bf16_dot", "op/s", threads);
    else
      CHECK(roofline.bf16.per_second == 0);
    if (int8_vnni_kernels().count > 0)
      check_probe(roofline.int8_dot, "int8_vnni", "op/s", threads);
    else
      CHECK(roofline.int8_dot.per_second == 0);
    if (available_memory_bytes() > int64_t{1} << 30)
      for (const Probe& read : {roofline.dram_read, probes->read(0.02), probes->read(0.02)})
        check_probe(read, "dram_read", "B/s", threads);
  }
}

TEST_CASE("the backend measures on its own threads, and describes the processor") {
  CpuOptions options;
  options.threads = 2;
  const std::unique_ptr<Backend> backend = make_cpu_backend(options);
  CHECK(backend->probes()->ceilings(0.02).fp32_fma.threads == 2);
  CHECK(backend->available_bytes() <= backend->describe().memory_bytes);
  const BackendInfo info = backend->describe();
  const CpuInfo& cpu = cpu_info();
  CHECK(info.device == cpu.model);
  CHECK(info.physical_cores == cpu.physical_cores);
  CHECK(info.l3_bytes == cpu.l3_bytes);
  CHECK(info.has("avx2") == cpu.avx2);
  CHECK(info.has("avx512_vnni") == cpu.avx512_vnni);
  CHECK(!info.has("avx"));
  CHECK(info.feature_limit == kIsaLimitNames[size_t(cpu.limit)]);
}

TEST_CASE("what is known of the processor is consistent") {
  const CpuInfo& info = cpu_info();
  CHECK(!info.model.empty());
  CHECK(info.physical_cores >= 1);
  CHECK(info.logical_cores >= info.physical_cores);
  CHECK((info.avx2 || !info.avx512));
  CHECK((info.avx512 || !(info.avx512_vnni || info.avx512_bf16)));
#if defined(__x86_64__)
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  CHECK(info.avx2 == (has_avx2 && info.limit != IsaLimit::kBase));
#endif
  for (int64_t bytes : {info.l1d_bytes, info.l2_bytes, info.l3_bytes}) CHECK(bytes >= 0);
  if (info.l1d_bytes > 0 && info.l2_bytes > 0) CHECK(info.l1d_bytes <= info.l2_bytes);
}

}  // namespace
}  // namespace qwench::cpu
