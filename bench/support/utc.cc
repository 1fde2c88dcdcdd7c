// The C library converts; what it would round off or carry over is refused.
#include "bench/support/utc.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace qwench::bench {

namespace {

constexpr int64_t kSecond = 1'000'000'000;

/// Rounds towards the past, also before 1970.
std::time_t whole_seconds(int64_t ns) {
  return std::time_t(ns / kSecond - (ns % kSecond < 0 ? 1 : 0));
}

/// "5" stands for .5 s; digits beyond the ninth are left out.
int64_t fraction_ns(std::string digits) {
  digits.resize(9, '0');
  return std::stoll(digits);
}

}  // namespace

std::string utc_text(int64_t unix_ns) {
  const std::time_t seconds = whole_seconds(unix_ns);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::optional<int64_t> parse_utc(const std::string& text) {
  constexpr size_t kWhole = 19, kLongest = 64;  // "2026-01-31T12:00:00"
  std::tm parts{};
  const char* const rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (!rest || size_t(rest - text.c_str()) != kWhole || text.size() > kLongest) return std::nullopt;
  if (parts.tm_year < 70 || parts.tm_year > 300) return std::nullopt;  // beyond the nanoseconds
  const int64_t ns = int64_t(timegm(&parts)) * kSecond;
  if (utc_text(ns) != text.substr(0, kWhole) + "Z") return std::nullopt;
  std::string zone = rest, digits;
  if (zone[0] == '.') {
    const size_t end = std::min(zone.find_first_not_of("0123456789", 1), zone.size());
    digits = zone.substr(1, end - 1), zone = zone.substr(end);
    if (digits.empty()) return std::nullopt;
  }
  if (zone != "Z" && zone != "+00:00") return std::nullopt;
  return ns + fraction_ns(digits);
}

int64_t unix_now_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace qwench::bench
