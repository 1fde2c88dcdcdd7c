// Every operator new of the test programs is counted, to prove that a loop allocates nothing.
#pragma once
#include <cstdint>

namespace qwench::test {
int64_t allocations();
}
