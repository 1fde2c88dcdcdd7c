// No op needs a kernel of one instruction set: each has another row or is made of parts that have. The test
// cpu_base runs all of this program where there is no AVX2.
#include <doctest/doctest.h>

#include "cpu/cpu_info.h"
#include "engine/ops/example.h"
#include "tests/support/op_check.h"

using namespace qwench;
using namespace qwench::test;

namespace {

bool names_an_instruction_set(std::string_view kernel) {
  return kernel.find("_avx") != kernel.npos;
}

/// Small enough for every kernel; a weight is held in both layouts, as far as anyone could tell.
template <class Args>
Args small_example(NoMemory& memory, DType dtype) {
  OpSizes s;
  s.dtype = s.table = dtype;
  return example<Args>(s, memory);
}

}  // namespace

TEST_CASE("every op has a row for any CPU, or parts that have") {
  const auto backend = backend_with("", 1);
  for_each_op([&](auto tag) {
    using Args = typename decltype(tag)::type;
    const std::string op(Args::kName);
    CAPTURE(op);
    int64_t rows = 0;
    for (const Kernel<Args>& k : backend->kernels(tag)) rows += !names_an_instruction_set(k.name);
    CHECK((rows > 0 || kHasParts<Args>));
  });
}

TEST_CASE("where there is no AVX2, what is chosen runs on any CPU, for every type of weights") {
  if (cpu::cpu_info().avx2) {
    MESSAGE("skipped: this processor has AVX2; the test cpu_base leaves it out");
    return;
  }
  const auto backend = backend_with("", 1);
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4G})
    for_each_op([&](auto tag) {
      using Args = typename decltype(tag)::type;
      const std::string op(Args::kName), type(name_of(dtype));
      CAPTURE(op);
      CAPTURE(type);
      NoMemory memory;
      const Selection<Args> chosen = backend->select(small_example<Args>(memory, dtype));
      CHECK((chosen.kernel || kHasParts<Args>));
      if (chosen.kernel) CHECK(!names_an_instruction_set(chosen.kernel->name));
    });
}
