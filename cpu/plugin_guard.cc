// Handlers see atomics and texts that lie ready, and call nothing but write() and _exit().
#include "cpu/plugin_guard.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "cpu/cpu_backend.h"
#include "engine/base/check.h"

namespace qwench::cpu {

namespace {

constexpr int kExitCode = 1;  // as of every error of a file or of the run
constexpr int64_t kDefaultLimitMs = 60'000;
constexpr double kSlowestFlopsPerMs = 1e5;
constexpr int64_t kLooks = 50;  // of the watchdog, within the time that a call is allowed

struct Crash {
  int signal;
  const char* how;
};
constexpr Crash kCrashes[] = {
    {SIGSEGV, "crashed with SIGSEGV (it used memory that is not there)"},
    {SIGBUS, "crashed with SIGBUS (it used memory that is not there)"},
    {SIGFPE, "crashed with SIGFPE (a division by zero)"},
    {SIGILL, "crashed with SIGILL (an instruction that this processor does not have)"},
    {SIGTRAP, "crashed with SIGTRAP"},
    {SIGABRT, "called abort() (a failed assertion, or a C++ exception that nobody caught)"},
};

std::atomic<const char*> running{nullptr};   // who, while a plug-in's function runs
std::atomic<const char*> ran_last{nullptr};  // who ran before, for what comes to light later
std::atomic<uint64_t> call_number{0};
std::atomic<int64_t> limit_ms{kDefaultLimitMs};  // of the call that runs
std::atomic<int64_t> chosen_limit_ms{0};         // 0: the default
std::atomic<const char*> last_words{nullptr};
std::atomic<size_t> last_words_size{0};
std::atomic<bool> watched{false}, dying{false};
std::array<struct sigaction, std::size(kCrashes)> handlers_before;

void write_all(int file, const char* text, size_t size) {
  while (size > 0) {
    const ssize_t put = ::write(file, text, size);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;
    text += put, size -= size_t(put);
  }
}
void write_error(std::initializer_list<const char*> parts) {
  write_all(STDERR_FILENO, "error: ", 7);
  for (const char* part : parts) write_all(STDERR_FILENO, part, std::strlen(part));
  write_all(STDERR_FILENO, "\n", 1);
}

/// "60" in decimal: snprintf is not for signal handlers.
struct Decimal {
  char text[24] = {};
  explicit Decimal(int64_t n) {
    char* to = text + sizeof text - 1;
    do *--to = char('0' + n % 10), n /= 10;
    while (n > 0 && to > text);
    std::memmove(text, to, size_t(text + sizeof text - to));
  }
};

/// The first who dies speaks; the others wait for the end.
[[noreturn]] void die(std::initializer_list<const char*> parts) {
  while (dying.exchange(true)) ::pause();
  write_all(STDOUT_FILENO, last_words.load(), last_words_size.load());
  write_error(parts);
  ::_exit(kExitCode);
}

extern "C" void on_crash(int signal, siginfo_t* info, void*) {
  const auto* crash = std::find_if(std::begin(kCrashes), std::end(kCrashes),
                                   [&](const Crash& c) { return c.signal == signal; });
  if (const char* who = running.load()) die({who, ": ", crash->how});
  if (const char* who = ran_last.load())
    write_error({who, ": ran before this crash; it may have written where it must not"});
  ::sigaction(signal, &handlers_before[size_t(crash - kCrashes)], nullptr);
  const bool sent = info->si_code <= 0 || info->si_code == SI_USER;  // macOS: SI_USER is positive
  if (sent) ::raise(signal);  // a fault comes again by itself
}

void on_exit() {
  if (const char* who = running.load()) die({who, ": ended the program with exit()"});
}

void watch() {
  using Clock = std::chrono::steady_clock;
  uint64_t seen = 0;
  auto since = Clock::now();
  for (;;) {
    const int64_t limit = limit_ms.load();
    std::this_thread::sleep_for(
        std::chrono::milliseconds(std::clamp<int64_t>(limit / kLooks, 1, 1000)));
    const uint64_t number = call_number.load();
    const char* who = running.load();
    if (!who || number != seen) {
      seen = number, since = Clock::now();
      continue;
    }
    if (Clock::now() - since < std::chrono::milliseconds(limit)) continue;
    if (call_number.load() != number) continue;
    die({who, ": did not end within ", Decimal(limit / 1000).text, ".",
         Decimal(limit % 1000 / 100).text,
         " s; where it is only slow, --plugin-timeout SECONDS allows more"});
  }
}

/// The watchdog gets no signals: those that interrupt a read are for the others.
void start_watching() {
  if (watched.exchange(true)) return;
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread(watch).detach();
  } catch (const std::system_error& error) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    fail("threads: expected one to watch plug-ins, the system gives none ({}); see ulimit -u",
         error.what());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

/// A stack of its own for handlers on one thread: the plug-in may have used up the other one.
class SignalStack {
 public:
  SignalStack() {
    stack_t present{};
    if (::sigaltstack(nullptr, &present) != 0 || !(present.ss_flags & SS_DISABLE)) return;
    memory_.reset(new char[kBytes]);
    stack_t own{};
    own.ss_sp = memory_.get(), own.ss_size = kBytes;
    ::sigaltstack(&own, nullptr);
  }
  ~SignalStack() {
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    if (memory_) ::sigaltstack(&none, nullptr);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  static constexpr size_t kBytes = 64 << 10;
  std::unique_ptr<char[]> memory_;
};

/// Those of others, found here, get what is no plug-in's fault.
void install_handlers() {
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_ONSTACK | SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < std::size(kCrashes); ++i) {
    struct sigaction present {};
    ::sigaction(kCrashes[i].signal, nullptr, &present);
    if (present.sa_sigaction == on_crash) continue;
    handlers_before[i] = present;
    ::sigaction(kCrashes[i].signal, &action, nullptr);
  }
}

}  // namespace

void guard_against_plugins() {
  static std::once_flag once;
  std::call_once(once, [] {
    std::atexit(on_exit);
    ::pthread_atfork(nullptr, nullptr, [] { watched.store(false); });
  });
  install_handlers();
  use_signal_stack();
}

void use_signal_stack() { static thread_local const SignalStack stack; }

PluginCall::PluginCall(const char* who, int64_t flops) : before_(running.load()) {
  if (!watched.load(std::memory_order_relaxed)) start_watching();
  const int64_t chosen = chosen_limit_ms.load(std::memory_order_relaxed);
  const auto of_work = int64_t(double(flops) / kSlowestFlopsPerMs);
  limit_ms.store(chosen ? chosen : std::max(kDefaultLimitMs, of_work), std::memory_order_relaxed);
  call_number.fetch_add(1);
  running.store(who);
}

PluginCall::~PluginCall() {
  ran_last.store(running.load(std::memory_order_relaxed), std::memory_order_relaxed);
  running.store(before_);
}

void set_plugin_time_limit(double seconds) {
  chosen_limit_ms.store(std::max<int64_t>(1, int64_t(seconds * 1000)));
}

void set_last_words(const char* text, size_t size) {
  last_words_size.store(0);
  last_words.store(text);
  last_words_size.store(size);
}

}  // namespace qwench::cpu
