// Listing of what was recorded.
#include "engine/backend/profiler.h"

namespace qwench {

std::vector<OpRecord> Profiler::records(Phase phase) const {
  std::vector<OpRecord> used;
  for (const auto& kernels : records_[size_t(phase)])
    for (const OpRecord& r : kernels)
      if (r.calls) used.push_back(r);
  return used;
}

}  // namespace qwench
