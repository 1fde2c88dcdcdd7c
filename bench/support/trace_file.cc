// Runs of events of one phase, and within them of one layer, become spans of their own.
#include "bench/support/trace_file.h"

#include <algorithm>

#include "bench/support/output.h"
#include "bench/support/program.h"

namespace qwench::bench {

namespace {

class Spans {
 public:
  explicit Spans(const Trace& trace) : events_(trace.events()) {
    for (const TraceEvent& e : events_) zero_ = std::min(zero_, e.start_ns);
  }

  OrderedJson all() {
    const auto same_phase = [](const TraceEvent& a, const TraceEvent& b) {
      return a.phase == b.phase;
    };
    const auto same_layer = [&](const TraceEvent& a, const TraceEvent& b) {
      return same_phase(a, b) && a.layer == b.layer;
    };
    name("process_name", "qwench " + version_text());
    name("thread_name", "model");
    add_runs("phase", same_phase,
             [](const TraceEvent& e) { return std::string(name_of(e.phase)); });
    add_runs("layer", same_layer, [](const TraceEvent& e) {
      return e.layer < 0 ? std::string("outside the layers") : fmt::format("layer {}", e.layer);
    });
    for (const TraceEvent& e : events_)
      add(std::string(e.op), "op", e.start_ns, e.end_ns, {{"kernel", e.kernel}});
    return std::move(spans_);
  }

 private:
  /// What the process and its only line of time are called in a viewer.
  void name(const char* what, const std::string& text) {
    spans_.push_back(
        {{"name", what}, {"ph", "M"}, {"pid", 1}, {"tid", 1}, {"args", {{"name", text}}}});
  }

  void add(const std::string& name, const char* category, int64_t start_ns, int64_t end_ns,
           const OrderedJson& args) {
    spans_.push_back({{"name", name},
                      {"cat", category},
                      {"ph", "X"},
                      {"ts", double(start_ns - zero_) / 1e3},
                      {"dur", double(end_ns - start_ns) / 1e3},
                      {"pid", 1},
                      {"tid", 1},
                      {"args", args}});
  }

  /// One span for every run of neighbours that are `same`.
  template <class Same, class Name>
  void add_runs(const char* category, Same&& same, Name&& name) {
    for (size_t first = 0, last = 0; first < events_.size(); first = last) {
      int64_t start = events_[first].start_ns, end = events_[first].end_ns;
      for (last = first; last < events_.size() && same(events_[first], events_[last]); ++last)
        start = std::min(start, events_[last].start_ns), end = std::max(end, events_[last].end_ns);
      add(name(events_[first]), category, start, end, OrderedJson::object());
    }
  }

  const std::vector<TraceEvent>& events_;
  int64_t zero_ = INT64_MAX;
  OrderedJson spans_ = OrderedJson::array();
};

/// Nanoseconds that an event costs: two readings of the clock and a place in the list.
double cost_of_event() {
  constexpr int64_t kEvents = 100'000;
  Trace trace(kEvents);
  const int64_t start = now_ns();
  for (int64_t i = 0; i < kEvents; ++i)
    trace.add({Phase::kDecode, "op", "kernel", 0, now_ns(), now_ns()});
  return double(now_ns() - start) / double(kEvents);
}

}  // namespace

OrderedJson trace_json(const Trace& trace) {
  return {{"traceEvents", Spans(trace).all()},
          {"displayTimeUnit", "ns"},
          {"otherData", {{"tool", "qwench " + version_text()}, {"dropped", trace.dropped()}}}};
}

void write_trace(const Trace& trace, const std::string& path) {
  write_text_file(path, to_line(trace_json(trace)));
  note(fmt::format(
      "{}: {} events, each {:.0f} ns to record{}; open it in ui.perfetto.dev", path,
      trace.events().size(), cost_of_event(),
      trace.dropped() ? fmt::format(", {} later ones did not fit", trace.dropped()) : ""));
}

}  // namespace qwench::bench
