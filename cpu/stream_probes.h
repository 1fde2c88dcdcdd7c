// How fast working sets of any size are read, written and copied: what every level of the memory
// gives to one thread or to all.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace qwench::cpu {

enum class StreamOp : unsigned char { kRead, kWrite, kCopy, kTriad };
constexpr std::array<std::string_view, 4> kStreamOpNames = {"read", "write", "copy", "triad"};

struct StreamRate {
  std::string kernel;                    // the fastest of several, e.g. "avx2_streaming"
  std::vector<double> bytes_per_second;  // of all threads together: the bytes that the op names,
                                         // not the lines that a store fetches besides
};

/// A team of threads, each with memory of its own that it touched first.
class StreamProbe {
 public:
  /// `largest`: bytes of the largest working set of one thread. Error where there is no room.
  StreamProbe(int threads, int64_t largest);
  ~StreamProbe();
  StreamProbe(const StreamProbe&) = delete;
  StreamProbe& operator=(const StreamProbe&) = delete;

  /// Races the kernels for about `seconds`, then times `runs` passes of the winner. working_set: bytes
  /// of one thread, over all arrays of the op together; at least 16 KiB, at most `largest`.
  StreamRate measure(StreamOp op, int64_t working_set, int runs, double seconds);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace qwench::cpu
