// The main function of every test program. --isa=NAME is the program's option, for all tests of a run.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <string_view>

#include "cpu/cpu_backend.h"

int main(int argc, char** argv) {
  constexpr std::string_view kIsa = "--isa=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word.rfind(kIsa, 0) != 0 || qwench::cpu::limit_isa(word.substr(kIsa.size()))) continue;
    std::fprintf(stderr, "%s: expected native, avx2 or base\n", argv[i]);
    return 2;
  }
  return doctest::Context(argc, argv).run();
}
