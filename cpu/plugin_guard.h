// Who is to blame when a plug-in ends the program: while one of its functions runs, a crash, an endless loop
// and a call of exit() are laid to it by name, on whatever thread they happen.
//
// A crashed process cannot be trusted with more than writing what lies ready (no unwinding, no jump back: the
// plug-in may hold a lock of the allocator), so that is all that is done here. Who wants to go on after a crash
// runs the plug-in in a process of its own first.
#pragma once
#include <cstdint>

namespace qwench::cpu {

/// From here to the end of its scope a function of a plug-in runs. One thread at a time makes these.
class PluginCall {
 public:
  /// `who` begins the message and outlives the program: "plug-in example 1.0 (a.so): kernel k of linear".
  /// flops: of the call, for the time that it is allowed.
  PluginCall(const char* who, int64_t flops);
  ~PluginCall();
  PluginCall(const PluginCall&) = delete;
  PluginCall& operator=(const PluginCall&) = delete;

 private:
  const char* before_;
};

/// Handles the signals of crashes, with a stack of its own on this thread. Before a library is loaded.
void guard_against_plugins();
/// The same stack on another thread that runs a plug-in's code.
void use_signal_stack();

}  // namespace qwench::cpu
