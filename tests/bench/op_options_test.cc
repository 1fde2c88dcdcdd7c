// Optional inputs of ops: every kernel either honours one, or refuses it by name; none overlooks it.
#include <doctest/doctest.h>

#include "bench/kernels/kernel_contest.h"

using namespace qwench;
using bench::ContestRow;

namespace {

struct OptionCase {
  Option option;
  OpId op;
  void (*set)(OpSizes& sizes);
};
const OptionCase kCases[] = {
    {Option::kInputOrder, id_of<LinearArgs>(), [](OpSizes& s) { s.ordered = true; }},
    {Option::kBlockList, id_of<AttentionArgs>(), [](OpSizes& s) { s.sparse = true; }},
    {Option::kPositionAxes, id_of<RopeArgs>(), [](OpSizes& s) { s.n_axes = 3; }},
    {Option::kPositionAxes, id_of<QkNormRopeArgs>(), [](OpSizes& s) { s.n_axes = 3; }},
    {Option::kRopeTables, id_of<RopeArgs>(), [](OpSizes& s) { s.n_tables = 2; }},
    {Option::kRopeTables, id_of<QkNormRopeArgs>(), [](OpSizes& s) { s.n_tables = 2; }},
};

bench::ContestSettings contest(const OptionCase& c) {
  bench::ContestSettings settings;
  OpSizes& s = settings.sizes;
  s.n_tokens = 3, s.depth = 70, s.out = 37, s.in = 96, s.dim = 64, s.ffn_dim = 96, s.vocab = 200;
  s.n_heads = 4, s.n_kv_heads = 2, s.head_dim = 32, s.dtype = DType::kF32;
  c.set(s);
  settings.baseline = "reference", settings.threads = 2, settings.seconds = 1e-4;
  settings.cold = false;
  settings.plugins = {QWENCH_BUILD_DIR "/tests/plugins/every_op.so"};
  return settings;
}

}  // namespace

TEST_CASE("every kernel honours an optional input as the reference does, or refuses it by name") {
  for (const OptionCase& c : kCases) {
    const std::string op(name_of(c.op)), missing = kOptionMissing[size_t(c.option)];
    CAPTURE(op);
    CAPTURE(missing);
    int ran = 0, refused = 0;
    for (const ContestRow& row : bench::run_contest(c.op, contest(c))) {
      CAPTURE(row.kernel);
      CHECK(row.failure == "");
      CHECK(row.wrong == "");
      if (row.refusal.empty()) {
        ++ran;
        CHECK(row.nmse <= row.nmse_limit);
      } else {
        refused += row.refusal == missing;
      }
    }
    CHECK(ran >= 1);  // the reference
    CHECK(ran + refused >= 2);
  }
}

TEST_CASE("an optional input changes what an op computes, and what it asks of kernels") {
  for (const OptionCase& c : kCases) {
    const std::string op(name_of(c.op));
    CAPTURE(op);
    OpSizes with;
    c.set(with);
    with_op(c.op, [&](auto tag) {
      using Args = typename decltype(tag)::type;
      NoMemory none;
      CHECK(options_of(example<Args>(with, none)).has(c.option));
      CHECK(options_of(example<Args>(OpSizes(), none)).bits == 0);
    });
  }
}
