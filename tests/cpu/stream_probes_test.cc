// The loops behind the bandwidth probes write what they say, and the probes give plausible rates. How
// fast they are is for the suites to say: no test here has a floor.
#include "cpu/stream_probes.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "cpu/cpu_info.h"
#include "cpu/stream_kernels.h"
#include "cpu/team_probe.h"

namespace qwench::cpu {
namespace {

struct Floats {
  explicit Floats(int64_t n)
      : data(static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(4 * n)))) {
    for (int64_t i = 0; i < n; ++i) data[i] = static_cast<float>(i % 101);
  }
  ~Floats() { std::free(data); }
  Floats(const Floats&) = delete;
  Floats& operator=(const Floats&) = delete;
  float* data;
};

void check_kernels(const StreamKernels& kernels) {
  constexpr int64_t kN = 4 * kStreamFloats;
  Floats to(kN + kStreamFloats), from(kN), other(kN);
  for (int64_t i = 0; i < kN; ++i) other.data[i] = static_cast<float>(i % 13);
  const auto check = [&](const StreamKernel& k, auto expected) {
    for (int64_t i = 0; i < kN + kStreamFloats; ++i) to.data[i] = -1;
    k.run(to.data, from.data, other.data, kN);
    for (int64_t i = 0; i < kN; ++i) REQUIRE_MESSAGE(to.data[i] == expected(i), k.name);
    REQUIRE_MESSAGE(to.data[kN] == -1, k.name);
  };
  for (const StreamKernel& k : kernels.write) check(k, [](int64_t) { return 1.0f; });
  for (const StreamKernel& k : kernels.copy) check(k, [&](int64_t i) { return from.data[i]; });
  for (const StreamKernel& k : kernels.triad)
    check(k, [&](int64_t i) { return from.data[i] + kTriadFactor * other.data[i]; });
}

TEST_CASE("stream kernels write every float that they should and none beyond") {
  check_kernels(stream_kernels_scalar());
  check_kernels(stream_kernels());
}

TEST_CASE("a stream probe gives as many positive rates as were asked for") {
  const std::unique_ptr<StreamProbe> probe = make_stream_probe(2, int64_t{1} << 20);
  for (StreamOp op : {StreamOp::kRead, StreamOp::kWrite, StreamOp::kCopy, StreamOp::kTriad})
    for (int64_t bytes : {int64_t{16} << 10, int64_t{1} << 20}) {
      const StreamRate rate = probe->measure(op, bytes, 3, 0);
      CHECK(!rate.kernel.empty());
      REQUIRE(rate.bytes_per_second.size() == 3);
      for (double r : rate.bytes_per_second) {
        CHECK(r > 1e6);
        CHECK(r < 1e14);
      }
    }
}

TEST_CASE("every call of a team is either timed or late") {
  const StartLatency latency = measure_start_latency(2, 5);
  CHECK(static_cast<int>(latency.awake_ns.size() + latency.asleep_ns.size()) + latency.late == 10);
  for (double ns : latency.asleep_ns) CHECK(ns > 0);
  CHECK(measure_start_latency(1, 5).asleep_ns.empty());
}

}  // namespace
}  // namespace qwench::cpu
