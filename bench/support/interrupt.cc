// The handler touches lock-free atomics, reads the clock, and restores the default action.
#include "bench/support/interrupt.h"

#include <atomic>
#include <csignal>

#include "bench/support/output.h"

namespace qwench::bench {

namespace {

constexpr int64_t kOneRequestNs = 500'000'000;

std::atomic<int> seen{0};
std::atomic<int64_t> seen_ns{0};
int guards = 0;  // of the main thread, the only one that makes them

/// timeout(1), like some shells, signals the program and then its group: two of them for one request.
extern "C" void on_interrupt(int signal) {
  const int64_t now = now_ns();
  if (seen == 0) {
    seen_ns = now;
  } else if (now - seen_ns > kOneRequestNs) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);  // delivered when this returns
    return;
  }
  seen = signal;
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
