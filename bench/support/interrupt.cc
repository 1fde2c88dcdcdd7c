// The handler touches one sig_atomic_t and restores the default action.
#include "bench/support/interrupt.h"

#include <csignal>

namespace qwench::bench {

namespace {
volatile std::sig_atomic_t seen = 0;

extern "C" void on_interrupt(int signal) {
  seen = 1;
  std::signal(signal, SIG_DFL);
}
}  // namespace

InterruptGuard::InterruptGuard(Signals signals) : signals_(signals) {
  seen = 0;
  std::signal(SIGINT, on_interrupt);
  if (signals_ == Signals::kInterruptAndTerminate) std::signal(SIGTERM, on_interrupt);
}
InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  if (signals_ == Signals::kInterruptAndTerminate) std::signal(SIGTERM, SIG_DFL);
}

bool interrupted() { return seen != 0; }

}  // namespace qwench::bench
