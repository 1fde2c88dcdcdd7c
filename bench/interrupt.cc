// The handler touches one sig_atomic_t and restores the default action.
#include "bench/interrupt.h"

#include <csignal>

namespace qwench::bench {

namespace {
volatile std::sig_atomic_t seen = 0;

extern "C" void on_interrupt(int) {
  seen = 1;
  std::signal(SIGINT, SIG_DFL);
}
}  // namespace

InterruptGuard::InterruptGuard() {
  seen = 0;
  std::signal(SIGINT, on_interrupt);
}
InterruptGuard::~InterruptGuard() { std::signal(SIGINT, SIG_DFL); }

bool interrupted() { return seen != 0; }

}  // namespace qwench::bench
