// What `compare` concludes of two configurations.
#include "tests/faults/planted_fault.h"

namespace qwench::test {

namespace {
const std::string kModel = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";
const std::string kCompare = "compare -m " + kModel + " -t 1 -p 8 -n 0 --rounds 12 --json ";
}  // namespace

FaultTable compare_faults() {
  return {
      {"compare: nothing separates b from a",
       "every op of b takes three times as long",
       program(kCompare + "a: b:"),
       program(kCompare + "a: b:inject.delay=200%"),
       {0, "not_separated"},
       {0, "worse"}},
      {"compare: --alpha is a chance",
       "it is NaN",
       program(kCompare + "a: b: --alpha 0.01"),
       program(kCompare + "a: b: --alpha nan"),
       {0, ""},
       {2, "--alpha"}},
  };
}

}  // namespace qwench::test
