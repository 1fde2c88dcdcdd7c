// The levels of the memory, from the sizes that the processor reports, and what of a model stays in
// which of them.
#pragma once
#include <string>
#include <vector>

#include "bench/model/model_options.h"

namespace qwench::bench {

struct MemoryLevel {
  std::string name;      // "l1", "l2", "l3", "dram"
  int64_t capacity = 0;  // bytes; of a core for l1 and l2; 0 for dram
  bool shared = false;   // one for all cores
};

/// Innermost first; a cache whose size is not known is left out.
std::vector<MemoryLevel> memory_levels();

/// Bytes of one of `threads` threads that lie in this level and in none before: half a cache, or for
/// dram four times the largest cache and 64 MiB at least, over all threads.
int64_t working_set(const MemoryLevel& level, int threads);

/// The innermost level that holds so many bytes, where `threads` cores share the work.
std::string level_of(int64_t bytes, int threads);

/// [{"part", "bytes", "level"}]: a layer's matrices, all weights, the head, keys and values of
/// `capacity` positions.
OrderedJson model_in_levels(const Checkpoint& checkpoint, const ModelOptions& options, int threads,
                            int64_t capacity);

}  // namespace qwench::bench
