// The main function of every test program. Options of its own, for all tests of a run: --isa=NAME, and
// --backend=strict (backends.h).
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <string_view>

#include "tests/support/backends.h"

namespace {

/// The value of --NAME=VALUE, or "".
std::string_view value_of(std::string_view word, std::string_view option) {
  return word.rfind(option, 0) == 0 ? word.substr(option.size()) : "";
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view isa = value_of(argv[i], "--isa=");
    const std::string_view backend = value_of(argv[i], "--backend=");
    const bool known = isa.empty() || qwench::cpu::limit_isa(isa);
    if (!known || (!backend.empty() && backend != "strict")) {
      std::fprintf(stderr, "%s: expected --isa=native, avx2 or base, --backend=strict\n", argv[i]);
      return 2;
    }
    if (!backend.empty()) qwench::test::use_strict_backend();
  }
  return doctest::Context(argc, argv).run();
}
