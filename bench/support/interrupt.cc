// The handler touches one sig_atomic_t and restores the default action.
#include "bench/support/interrupt.h"

#include <csignal>

namespace qwench::bench {

namespace {

volatile std::sig_atomic_t seen = 0;
int guards = 0;  // of the main thread, the only one that makes them

extern "C" void on_interrupt(int signal) {
  seen = signal;
  std::signal(signal, SIG_DFL);
}

void handle(void (*handler)(int)) {
  std::signal(SIGINT, handler);
  std::signal(SIGTERM, handler);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  if (guards++) return;
  seen = 0;
  handle(on_interrupt);
}

InterruptGuard::~InterruptGuard() {
  if (--guards == 0) handle(SIG_DFL);
}

bool interrupted() { return seen != 0; }

bool terminated() { return seen == SIGTERM; }

}  // namespace qwench::bench
