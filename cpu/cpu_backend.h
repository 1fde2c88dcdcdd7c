// The CPU backend: the only header that code outside this folder includes. Beside the factory it holds what the
// program sets for every backend of the process: limits of instruction sets and of plug-ins.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend/backend.h"

namespace qwench::cpu {

/// The threads of a backend. Nothing is known of them here but that several backends can have the same.
class Team;

/// Threads for CpuOptions::team; 0: the physical cores this process may use. UsageError on a bad count, Error where
/// the system does not give them.
std::shared_ptr<Team> make_team(int threads);

struct CpuOptions {
  int threads = 0;  // 0: the physical cores this process may use; not read where a team is given
  KernelPolicy policy;
  // Threads to use instead of new ones: what takes turns must not find the other's threads waiting on
  // its cores. Null: threads of its own.
  std::shared_ptr<Team> team;
  std::vector<std::string>
      plugins;  // shared libraries whose kernels to list too (engine/backend/plugin.h)
};

/// UsageError on a bad thread count or an unknown kernel name in the policy; Error on a plug-in that
/// cannot be loaded or names a kernel that there is.
std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options);

/// The most that kernels may use: all that there is, AVX2, or what every processor of the architecture has.
constexpr std::array<std::string_view, 3> kIsaLimitNames = {"native", "avx2", "base"};

/// From here on as if the processor had nothing beyond what is named; of several limits the narrowest holds. False
/// for a name that is none. Before any backend or probe is made; there is no way back.
bool limit_isa(std::string_view name);

/// Of one call of a plug-in. Without it 60 s, or what 1e8 operations a second take where that is longer.
void set_plugin_time_limit(double seconds);

/// What goes to stdout first when a plug-in ends the program; must stay as it is until the next call, and
/// until the end of one that is under way.
void set_last_words(const char* text, size_t size);

}  // namespace qwench::cpu
