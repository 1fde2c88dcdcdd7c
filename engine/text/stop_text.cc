// The text that is still open is short, so that looking for every stop in all of it costs little.
#include "engine/text/stop_text.h"

#include <algorithm>

#include "engine/base/check.h"

namespace qwench {

StopText::StopText(std::vector<std::string> stops) : stops_(std::move(stops)) {
  for (const std::string& stop : stops_) QWENCH_CHECK(!stop.empty());
}

/// Length of the longest end of the text that a stop begins with.
size_t StopText::held_back() const {
  size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (size_t n = std::min(stop.size() - 1, pending_.size()); n > longest; --n)
      if (pending_.compare(pending_.size() - n, n, stop, 0, n) == 0) longest = n;
  }
  return longest;
}

std::string StopText::push(std::string_view text) {
  if (found_) return "";
  pending_ += text;
  size_t end = std::string::npos;
  for (const std::string& stop : stops_) end = std::min(end, pending_.find(stop));
  found_ = end != std::string::npos;
  if (!found_) end = pending_.size() - held_back();
  std::string out = pending_.substr(0, end);
  pending_.erase(0, end);
  return out;
}

std::string StopText::finish() {
  std::string out;
  if (!found_) out = std::move(pending_);
  pending_.clear();
  return out;
}

}  // namespace qwench
