// The grammar of configurations: what it accepts, what it refuses and with which words.
#include "bench/model/configuration.h"

#include <doctest/doctest.h>

using namespace qwench;
using namespace qwench::bench;

namespace {

Configuration parse(const std::string& text, const ModelOptions& base = {}) {
  return parse_configuration(text, base, "--candidate");
}

void check_refused(const std::string& text, const std::string& said) {
  INFO(text);
  CHECK_THROWS_WITH_AS(parse(text), doctest::Contains(said.c_str()), UsageError);
}

}  // namespace

TEST_CASE("a name alone is the options of the command") {
  ModelOptions base;
  base.model = "folder", base.dtype = "f16", base.threads = 3, base.kernels = {"linear=eigen"};
  const Configuration c = parse("plain:", base);
  CHECK(c.name == "plain");
  CHECK(c.text == "plain:");
  CHECK(c.model.model == "folder");
  CHECK(c.model.dtype == "f16");
  CHECK(c.model.threads == 3);
  CHECK(c.model.kernels == std::vector<std::string>{"linear=eigen"});
  CHECK(c.inject.layer == -1);
}

TEST_CASE("every key sets its option") {
  const Configuration c = parse(
      "all:check_finite=on,inject.noise=0.05,model=/a/b:c=d,dtype=f32,kv_dtype=f16,threads=2,"
      "backend=cpu,prefill_chunk=64,seed=18446744073709551615,mmap=true,inject.layer=2");
  CHECK(c.model.model == "/a/b:c=d");
  CHECK(c.model.dtype == "f32");
  CHECK(c.model.kv_dtype == "f16");
  CHECK(c.model.threads == 2);
  CHECK(c.model.prefill_chunk == 64);
  CHECK(c.model.seed == 18446744073709551615u);
  CHECK(c.model.mmap);
  CHECK(c.model.check_finite);
  CHECK(c.inject.layer == 2);
  CHECK(c.inject.noise == 0.05);
}

TEST_CASE("kernels of single ops override `kernel`, wherever they stand, and the base") {
  ModelOptions base;
  base.kernels = {"attention=reference", "linear=reference"};
  CHECK(read_policy(parse("a:kernel.linear=eigen", base).model).to_string() ==
        "attention=reference,linear=eigen");
  const KernelPolicy policy = read_policy(parse("a:kernel.linear=eigen,kernel=reference").model);
  CHECK(policy.forced<LinearArgs>() == "eigen");
  CHECK(policy.forced<AttentionArgs>() == "reference");
  CHECK(read_policy(parse("a:kernel=default", base).model).to_string() == "default");
}

TEST_CASE("the canonical text parses to itself, whatever the order it was written in") {
  const std::string text =
      "x:model=m,dtype=f16,threads=7,kernel=reference,kernel.attention=reference,"
      "kernel.linear=eigen,mmap=on,inject.layer=1,inject.noise=0.5";
  CHECK(parse(text).text == text);
  CHECK(parse("x:kernel.linear=eigen,threads=007,inject.noise=5e-1,kernel=reference,mmap=true,"
              "dtype=f16,inject.layer=1,kernel.attention=reference,model=m")
            .text == text);
}

TEST_CASE("a configuration without name, key or value is refused") {
  for (const char* text : {"", ":", ":dtype=f16", "dtype=f16", "half", "a b:", "a,b:"})
    check_refused(text, "expected NAME:key=value");
  for (const char* text : {"a:dtype", "a:=f16", "a:dtype=", "a:dtype=f16,", "a:,dtype=f16", "a:,"})
    check_refused(text, "expected key=value");
}

TEST_CASE("an unknown key is refused with the nearest one and the list") {
  check_refused("a:dtpye=f16", "did you mean dtype?");
  check_refused(
      "a:zzz=1",
      "keys are model, dtype, kv_dtype, threads, backend, device, plugin, kernel, kernel.OP");
  check_refused("a:kernel.linaer=eigen", "did you mean linear?");
  check_refused("a:kernel.=eigen", "unknown key 'kernel.'");
}

TEST_CASE("a value that its key does not take is refused with what it takes") {
  check_refused("a:dtype=q4",
                "--candidate dtype: expected f32 or f16 or bf16 or q8_0 or q4_0 or q4g, got 'q4'");
  for (const char* value : {"0", "-1", "1.5", "x", "1025", "99999999999999999999", "1 ", "+1"})
    check_refused("a:threads=" + std::string(value), "a whole number from 1 to 1024");
  check_refused("a:inject.layer=-1,inject.noise=1", "a whole number from 0");
  for (const char* value : {"nan", "inf", "-0.5", "x", "1e999", "0.5x"})
    check_refused("a:inject.layer=0,inject.noise=" + std::string(value), "a number from 0 on");
  check_refused("a:mmap=yes", "on or off");
  check_refused("a:kernel=eigen", "reference or default");
  check_refused("a:backend=gpu", "expected cpu, cuda, metal or auto, got 'gpu'");
  check_refused("a:device=tpu", "expected cpu, cuda, metal or auto, got 'tpu'");
  check_refused("a:inject.layer=1", "together");
  check_refused("a:inject.noise=1", "together");
}

TEST_CASE("device is another word for backend, which the canonical text has") {
  CHECK(parse("a:device=cpu").text == "a:backend=cpu");
  CHECK(parse("a:device=cpu").loaded == parse("b:backend=cpu").loaded);
  check_refused("a:device=cpu,backend=cpu", "key 'backend' is given twice");
}

TEST_CASE("a key or a name that comes twice is refused") {
  check_refused("a:dtype=f16,dtype=f32", "given twice");
  CHECK_THROWS_WITH_AS(require_distinct_names({parse("a:"), parse("b:"), parse("a:dtype=f16")}),
                       doctest::Contains("'a' twice"), UsageError);
  CHECK_NOTHROW(require_distinct_names({parse("a:"), parse("b:")}));
}
