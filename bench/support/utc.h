// Moments as text: UTC only, so that no change to or from summer time moves or repeats one.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace qwench::bench {

/// "2026-01-31T12:00:00Z"; parts of a second are left out.
std::string utc_text(int64_t unix_ns);

/// Nanoseconds since 1970 of "2026-01-31T12:00:00Z", also with parts of a second. Nothing for any other
/// text: a time without a zone, or the 30th of February.
std::optional<int64_t> parse_utc(const std::string& text);

/// Now, on the clock that people set.
int64_t unix_now_ns();

}  // namespace qwench::bench
