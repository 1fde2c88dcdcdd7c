// What --kernel forces, what it refuses, and what is reported.
#include <doctest/doctest.h>

#include <set>

#include "tests/support/op_check.h"

using namespace qwench;
using namespace qwench::test;

TEST_CASE("unknown ops and kernels are usage errors that say what there is") {
  KernelPolicy policy;
  CHECK_THROWS_WITH_AS(policy.add("matmul=eigen"), doctest::Contains("norm_gate_up"), UsageError);
  CHECK_THROWS_AS(policy.add("linear"), UsageError);
  CHECK_THROWS_AS(policy.add("linear="), UsageError);
  CHECK_THROWS_WITH_AS(backend_with("linear=fast"), doctest::Contains("eigen"), UsageError);
  CHECK_THROWS_WITH_AS(backend_with("linear=composed"), doctest::Contains("linear on cpu"),
                       UsageError);
  CHECK_THROWS_WITH_AS(backend_with("norm_gate_up=reference"),
                       doctest::Contains("defined by its parts"), UsageError);
}

TEST_CASE("forcing a part forces the composition, so that it reaches every matmul") {
  KernelPolicy policy;
  policy.add("linear=eigen");
  CHECK(policy.forced<LinearArgs>() == "eigen");
  CHECK(policy.forced<NormQkvArgs>() == "composed");
  CHECK(policy.forced<AttentionArgs>().empty());
  CHECK(policy.to_string() == "linear=eigen");
}

TEST_CASE("a composition's own time excludes its parts, and its cost is in the parts") {
  const auto backend = backend_with("reference");
  Profiler profiler;
  backend->profiler = &profiler;
  Poisoned x({2, 8}, 1), norm({8}, 2), w({3, 8}, 3), scratch({2, 8}), y({2, 3});
  const Weight head = backend->import(w.view(), WeightUse::kHead);
  backend->begin(Phase::kDecode);
  backend->run(NormLogitsArgs{x.view(), norm.view(), 1e-6f, head.view, scratch.view(), y.view()});
  backend->end();
  std::set<std::string> seen;
  int64_t sum = 0;
  for (const OpRecord& r : profiler.records(Phase::kDecode)) {
    seen.insert(std::string(r.op) + "/" + std::string(r.kernel));
    CHECK(r.calls == 1);
    CHECK((r.cost.bytes > 0) == (r.kernel != "composed"));
    sum += r.ns;
  }
  CHECK(seen ==
        std::set<std::string>{"norm_logits/composed", "rms_norm/reference", "linear/reference"});
  CHECK(sum == profiler.total_ns());
  CHECK(profiler.records(Phase::kPrefill).empty());
}

TEST_CASE(
    "memory is counted by kind, now and at its peak; scratch is each thread's own and a shared "
    "part") {
  const auto backend = backend_with("", 2);
  const auto& now = backend->memory().now;
  CHECK(now[size_t(MemoryKind::kScratch)] == 2 * (1 << 20) + (2 << 20));
  {
    const Buffer a = backend->allocate(1000, MemoryKind::kKvCache);
    CHECK(reinterpret_cast<uintptr_t>(a.data()) % 64 == 0);
    CHECK(now[size_t(MemoryKind::kKvCache)] == 1000);
  }
  CHECK(now[size_t(MemoryKind::kKvCache)] == 0);
  CHECK(backend->memory().peak[size_t(MemoryKind::kKvCache)] == 1000);
  CHECK_THROWS_WITH_AS(backend->allocate(int64_t(1) << 60, MemoryKind::kWeights),
                       doctest::Contains("cannot allocate"), Error);
}
