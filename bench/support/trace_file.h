// A trace in the Chrome trace event format, which Perfetto (ui.perfetto.dev) and chrome://tracing open.
// Source: "Trace Event Format", Google, complete events ("ph": "X"), times in microseconds.
#pragma once
#include <string>

#include "engine/backend/trace.h"
#include "engine/base/json.h"

namespace qwench::bench {

constexpr int64_t kTraceEvents = 1 << 20;  // that a command keeps; 56 bytes each

/// Spans within spans: phase, layer, op (and the parts of a composed op), from the first event on. The
/// threads of the team work inside an op's span; they have none of their own.
OrderedJson trace_json(const Trace& trace);

/// Writes it, and says on stderr how many events there are and what recording one of them costs.
void write_trace(const Trace& trace, const std::string& path);

}  // namespace qwench::bench
