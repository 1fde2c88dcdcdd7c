// Greedy decoding: what comparisons use, because it does not depend on a seed.
#pragma once
#include <functional>
#include <vector>

#include "engine/model/session.h"

namespace qwench::bench {

/// The ids that follow sequence 0, whose last logits are in the session: n at most, each the arg max
/// of the ids below `limit`. The last one is never run through the model. `keep` sees each id while
/// its logits are still there; false ends the list before it. Errors as Session::decode().
std::vector<int32_t> decode_greedily(Session& session, int64_t n, int64_t limit,
                                     const std::function<bool(int32_t)>& keep = {});

}  // namespace qwench::bench
