// Kernels of plug-ins that are wrong, break a promise, or end the program: found, named, and no row more lost
// than their own.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>

#include "bench/kernels/kernel_contest.h"
#include "bench/support/forked.h"
#include "cpu/cpu_backend.h"

using namespace qwench;
using bench::ContestRow;

namespace {

const std::string kFolder = QWENCH_BUILD_DIR "/tests/plugins/";

/// The plug-in's row of a contest between it and the reference.
ContestRow contest(const std::string& plugin, OpId op = id_of<LinearArgs>(), int64_t n_tokens = 3) {
  bench::ContestSettings settings;
  OpSizes& s = settings.sizes;
  s.n_tokens = n_tokens, s.out = 37, s.in = 48, s.dim = s.ffn_dim = s.vocab = 48;
  s.n_heads = 2, s.n_kv_heads = 1, s.head_dim = 16, s.dtype = s.table = DType::kF32;
  settings.baseline = "reference", settings.threads = 2, settings.seconds = 1e-4;
  settings.cold = false, settings.plugins = {kFolder + plugin + ".so"};
  ContestRow own;
  for (const ContestRow& row : bench::run_contest(op, settings)) {
    if (row.kernel == "own") own = row;
    if (row.kernel == "reference") CHECK((row.runs() && !row.ns.values.empty()));
  }
  CHECK(own.plugin == (plugin == "throws" ? "throws 1.0" : "faulty 1.0"));
  return own;
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a right kernel of a plug-in goes through every trial") {
  for (const OpId op : {id_of<LinearArgs>(), id_of<RopeArgs>(), id_of<ArgmaxArgs>()}) {
    const ContestRow row = contest("sound", op);
    CHECK(row.runs());
    CHECK(row.wrong == "");
    CHECK(row.failure == "");
    CHECK(row.ns.values.size() > 0);
  }
}

TEST_CASE("a kernel that is wrong, or breaks its promise, is not timed and says why") {
  const std::pair<const char*, const char*> faults[] = {
      {"ignores_bias", "(8 tokens with bias)"},
      {"ignores_residual", "(8 tokens without bias, added to y"},
      {"prefill_only", "NMSE 1.0e+00, at most 1.0e-10"},
      {"batch_of_8", "(8 tokens with bias)"},
      {"makes_nan", "NaN or Inf"},
      {"adds_up", "NaN or Inf, or numbers that were never written"},
      {"depends_on_rows",
       "promises the same bits for any rows and threads; those of token 0 differ where "
       "it is alone"},
      {"depends_on_threads", "those of token 0 differ on one thread"},
      {"writes_outside", "writes outside its output"},
  };
  for (const auto& [fault, said] : faults) {
    const std::string name = fault;
    CAPTURE(name);
    const ContestRow row = contest(name);
    CHECK(has(row.wrong, said));
    CHECK(row.failure == "");
    CHECK(row.ns.values.empty());
  }
  CHECK(has(contest("second_chunk", id_of<RopeArgs>()).wrong, "8 tokens"));
  CHECK(has(contest("ignores_limit", id_of<ArgmaxArgs>()).wrong, "8 tokens"));
  CHECK(has(contest("last_of_equals", id_of<ArgmaxArgs>()).wrong, "8 tokens"));
}

TEST_CASE("rows of a large example are compared with themselves alone") {
  CHECK(contest("sound", id_of<LinearArgs>(), 20).wrong == "");
  // 20 tokens change the last bit by more than one does, and less than the tolerance sees.
  CHECK(has(contest("depends_on_rows", id_of<LinearArgs>(), 20).wrong, "where it is alone"));
}

TEST_CASE("a kernel that crashes, hangs, throws or ends the program is one row, and says how") {
  const std::pair<const char*, const char*> faults[] = {
      {"crashes", "kernel own of linear: crashed with SIGSEGV"},
      {"crashes_on_thread", "kernel own of linear: crashed with SIGSEGV"},
      {"overflows_stack", "kernel own of linear: crashed with SIGSEGV"},
      {"divides_by_zero", "kernel own of linear: crashed with SIGFPE"},
      {"aborts", "kernel own of linear: called abort()"},
      {"exits", "kernel own of linear: ended the program with exit()"},
      {"ends_at_once", "ended the program with exit code 0"},
      {"nests", "kernel own of linear: called parallel_for from within a body of it"},
      {"hangs", "kernel own of linear: did not end within 0.3 s"},
  };
  for (const auto& [fault, said] : faults) {
    const std::string name = fault;
    CAPTURE(name);
    cpu::set_plugin_time_limit(name == "hangs" ? 0.3 : 60);
    const ContestRow row = contest(name);
    CHECK(has(row.failure, said));
    CHECK(row.ns.values.empty());
  }
  cpu::set_plugin_time_limit(60);
  CHECK(has(contest("throws", id_of<RmsNormArgs>()).failure, "C++ exception (no such table)"));
  CHECK(has(contest("throws", id_of<SwiGluArgs>()).failure, "C++ exception; none may leave"));
}

TEST_CASE("work in a process of its own says how it ended") {
  CHECK(bench::fault_of([] {}) == "");
  CHECK(bench::fault_of([] { fail("no {}", "luck"); }) == "no luck");
  CHECK(bench::fault_of([] { ::_exit(4); }) == "ended the program with exit code 4");
  CHECK(has(bench::fault_of([] { ::raise(SIGKILL); }), "ended by signal 9"));
}
