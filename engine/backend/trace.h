// Every op that ran, with its time: what a trace viewer shows. Events have their room beforehand, so that
// recording allocates nothing; what does not fit is counted, never lost in silence.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/backend/profiler.h"

namespace qwench {

struct TraceEvent {
  Phase phase;
  std::string_view op, kernel;
  int layer;  // -1 outside the layers
  int64_t start_ns, end_ns;
};

class Trace {
 public:
  /// `capacity`: events.
  explicit Trace(int64_t capacity) { events_.reserve(size_t(capacity)); }

  void add(const TraceEvent& event) {
    if (events_.size() < events_.capacity())
      events_.push_back(event);
    else
      ++dropped_;
  }
  /// In the order in which they ended.
  const std::vector<TraceEvent>& events() const { return events_; }
  int64_t dropped() const { return dropped_; }

 private:
  std::vector<TraceEvent> events_;
  int64_t dropped_ = 0;
};

}  // namespace qwench
