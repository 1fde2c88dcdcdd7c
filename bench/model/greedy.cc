// The arg max is taken on the backend: logits cross to the host only where `keep` reads them.
#include "bench/model/greedy.h"

namespace qwench::bench {

std::vector<int32_t> decode_greedily(Session& session, int64_t n, int64_t limit,
                                     const std::function<bool(int32_t)>& keep) {
  std::vector<int32_t> ids;
  while (int64_t(ids.size()) < n) {
    if (!ids.empty()) session.decode(&ids.back());
    const int32_t id = session.argmax(0, limit);
    if (keep && !keep(id)) break;
    ids.push_back(id);
  }
  return ids;
}

}  // namespace qwench::bench
