// What `kernels` concludes of a kernel, and `tune` of a machine.
#include <map>

#include "engine/base/json.h"
#include "tests/faults/planted_fault.h"

namespace qwench::test {

namespace {

const std::string kPlugins = QWENCH_BUILD_DIR "/tests/plugins/";

std::string kernels(const std::string& plugin, const std::string& more) {
  return "kernels -t 2 --seconds 0.01 --cache hot --baseline reference --plugin " + kPlugins +
         plugin + ".so " + more;
}
const std::string kLinear = "--op linear --dtype f32 --shape 24x32 --tokens 3 ";
const std::string kArgmax = "--op argmax --shape 96x32 --tokens 1 ";

/// program(), which runs once for all the rows that ask for it.
std::function<Conclusion()> once(const std::string& arguments) {
  return [arguments] {
    static std::map<std::string, Conclusion> known;
    const auto at = known.find(arguments);
    return at != known.end() ? at->second : known[arguments] = program(arguments)();
  };
}

/// The plug-in's kernel right, and with a fault.
PlantedFault kernel_fault(const char* fault, const std::string& plugin, Conclusion expected,
                          const std::string& more = kLinear) {
  return {"kernels: the plug-in's kernel is right",
          fault,
          once(kernels("sound", more)),
          program(kernels(plugin, more)),
          {0, "plug-in faulty 1.0"},
          std::move(expected)};
}

/// The state of the plug-in's kernel in CSV.
std::function<Conclusion()> state(const std::string& arguments) {
  return [arguments] {
    const Outcome outcome = run(arguments + " --csv");
    const size_t row = outcome.out.find("\nlinear,own,");
    return Conclusion{outcome.code, outcome.out.substr(row, outcome.out.find('\n', row + 1) - row)};
  };
}

/// "fits" or "misses" of the model that tune recommends or finds nearest.
std::function<Conclusion()> tuned(const std::string& limits) {
  return [limits] {
    const Outcome outcome = run("tune -t 1 --quick --json " + limits);
    const Json json = parse_json(outcome.out, "stdout");
    return Conclusion{outcome.code, json["recommended"].is_null() ? "misses" : "fits"};
  };
}

}  // namespace

FaultTable kernels_faults() {
  return {
      kernel_fault("it ignores the bias", "ignores_bias", {3, "WRONG: NMSE"}),
      kernel_fault("it doubles the result of more than one row", "prefill_only",
                   {3, "WRONG: NMSE 1.0e+00, at most 1.0e-10"}),
      kernel_fault("it doubles the result of eight rows", "batch_of_8", {3, "8 tokens with bias"}),
      kernel_fault("it makes NaN", "makes_nan", {3, "WRONG: NaN or Inf"}),
      kernel_fault("it adds to what was there", "adds_up", {3, "never written"}),
      kernel_fault("its bits depend on the number of rows", "depends_on_rows",
                   {3, "WRONG: promises the same bits"}),
      kernel_fault("its bits depend on the number of threads", "depends_on_threads",
                   {3, "differ on one thread"}),
      kernel_fault("it writes past its output", "writes_outside", {3, "writes outside its output"}),
      kernel_fault("it writes far past its output", "writes_far_outside",
                   {3, "writes outside its output"}),
      kernel_fault("it is wrong for many rows", "from_33_rows", {3, "33 tokens"}),
      kernel_fault("it looks at ids beyond the limit", "ignores_limit", {3, "WRONG: NMSE"},
                   kArgmax),
      kernel_fault("it takes the last of equal logits", "last_of_equals", {3, "WRONG: NMSE"},
                   kArgmax),
      kernel_fault("it crashes", "crashes", {1, "FAILED: crashed with SIGSEGV"}),
      kernel_fault("it crashes on a thread", "crashes_on_thread",
                   {1, "FAILED: crashed with SIGSEGV"}),
      kernel_fault("it aborts", "aborts", {1, "FAILED: called abort()"}),
      kernel_fault("it divides by zero", "divides_by_zero", {1, "FAILED: crashed with SIGFPE"}),
      kernel_fault("it uses up the stack", "overflows_stack", {1, "FAILED: crashed with SIGSEGV"}),
      kernel_fault("it never ends", "hangs", {1, "FAILED: did not end within 0.3 s"},
                   kLinear + "--plugin-timeout 0.3"),
      kernel_fault("it exits with 0", "exits", {1, "FAILED: ended the program with exit()"}),
      kernel_fault("it calls parallel_for within a body", "nests",
                   {1, "FAILED: called parallel_for"}),
      {"kernels: the plug-in's rope is right",
       "positions of the second chunk count from 0",
       program(kernels("sound", "--op rope --heads 2 --head-dim 8 --tokens 1 --depth 9")),
       program(kernels("second_chunk", "--op rope --heads 2 --head-dim 8 --tokens 1 --depth 9")),
       {0, "plug-in faulty 1.0"},
       {3, "WRONG"}},
      {"kernels: rms_norm is right",
       "it throws a C++ exception",
       program("kernels --op rms_norm --tokens 1 --seconds 0.01 --cache hot"),
       program("kernels --op rms_norm --tokens 1 --seconds 0.01 --cache hot --plugin " + kPlugins +
               "throws.so"),
       {0, "reference"},
       {1, "FAILED: threw a C++ exception (no such table)"}},
      {"kernels --csv: timed",
       "it is wrong",
       state(kernels("sound", kLinear)),
       state(kernels("prefill_only", kLinear)),
       {0, ",timed,"},
       {3, ",wrong,"}},
      {"kernels --csv: timed",
       "it does not take the weights",
       state(kernels("sound", kLinear)),
       state(kernels("sound", "--op linear --dtype bf16 --shape 24x32 --tokens 3")),
       {0, ",timed,"},
       {0, ",refused,"}},
      {"kernels --dtype: weights of that type",
       "the op has no weights",
       program(
           "kernels --op embed --dtype f32 --shape 64x32 --tokens 1 --seconds 0.01 --cache hot"),
       program("kernels --op attention --dtype f32 --tokens 1 --seconds 0.01 --cache hot"),
       {0, "embed"},
       {2, "--dtype: attention has no weights"}},
      {"tune: a model meets the limits",
       "no machine is as fast",
       tuned("--speed 0.001"),
       tuned("--speed 1e12"),
       {0, "fits"},
       {0, "misses"}},
  };
}

}  // namespace qwench::test
