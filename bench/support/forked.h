// A function in a copy of this process: what it breaks there is broken nowhere else.
#pragma once
#include <functional>
#include <string>

namespace qwench::bench {

/// Runs `work` to its end in a forked process, which has none of this one's threads: call it where `work`
/// makes its own. Returns "" when it came to its end, else what went wrong: what an Error said, what was said
/// on stderr of a crash, or how the process ended. What `work` prints is lost. Ctrl-C ends it.
std::string fault_of(const std::function<void()>& work);

}  // namespace qwench::bench
