// One long window instead of many short ones: a counter's update at each end weighs less.
#include "bench/machine/energy/energy_meter.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "bench/support/table.h"

namespace qwench::bench {

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kSamplingNs = 50'000'000;

OrderedJson or_null(const std::optional<double>& value) {
  return number_or_null(value.value_or(0), value.has_value());
}

OrderedJson or_null(const std::string& text) {
  return text.empty() ? OrderedJson(nullptr) : OrderedJson(text);
}

/// Sleeps in short pieces, so that Ctrl-C is seen.
void rest(int64_t ns) {
  for (const int64_t end = now_ns() + ns; now_ns() < end && !interrupted();)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

std::string too_short(const EnergySource& source, int64_t window_ns) {
  return fmt::format("window too short: {}, where {} needs {}", format_ns(double(window_ns)),
                     source.name(), format_ns(double(source.shortest_window_ns())));
}

}  // namespace

std::optional<double> EnergyFigures::joules_per_token() const {
  if (!joules || tokens <= 0) return std::nullopt;
  return *joules / double(tokens);
}
std::optional<double> EnergyFigures::tokens_per_joule() const {
  if (!joules || *joules <= 0 || tokens <= 0) return std::nullopt;
  return double(tokens) / *joules;
}

OrderedJson to_json(const EnergyFigures& f) {
  OrderedJson json = {{"source", or_null(f.source)}, {"provenance", name_of(f.provenance)}};
  json["joules"] = or_null(f.joules);
  json["idle_watts"] = or_null(f.idle_watts), json["joules_net"] = or_null(f.joules_net);
  json["joules_per_token"] = or_null(f.joules_per_token());
  json["tokens_per_joule"] = or_null(f.tokens_per_joule());
  json["watts_mean"] = or_null(f.watts_mean), json["watts_peak"] = or_null(f.watts_peak);
  json["window_ns"] = number_or_null(double(f.window_ns), false);
  if (f.window_ns > 0) json["window_ns"] = f.window_ns;
  json["tokens"] = f.tokens > 0 ? OrderedJson(f.tokens) : OrderedJson(nullptr);
  json["method"] = or_null(f.method), json["reason"] = or_null(f.reason);
  return json;
}

EnergyFigures read_energy(const Json& object, const std::string& where) {
  constexpr int64_t kMost = int64_t(1) << 60;
  const auto number = [&](const char* key) -> std::optional<double> {
    if (!has(object, key)) return std::nullopt;
    return read_number(object, key, 0, 1e18, where);
  };
  const auto integer = [&](const char* key) {
    return has(object, key) ? read_int(object, key, 0, kMost, where) : 0;
  };
  const auto text = [&](const char* key) {
    return has(object, key) ? read_string(object, key, where) : "";
  };
  EnergyFigures f;
  f.source = text("source"), f.method = text("method"), f.reason = text("reason");
  f.provenance = provenance_named(text("provenance"));
  f.joules = number("joules"), f.joules_net = number("joules_net");
  f.idle_watts = number("idle_watts");
  f.watts_mean = number("watts_mean"), f.watts_peak = number("watts_peak");
  f.window_ns = integer("window_ns"), f.tokens = integer("tokens");
  return f;
}

std::string energy_text(const EnergyFigures& f) {
  if (!f.joules || !f.watts_mean || !f.watts_peak || f.tokens <= 0)
    return "unavailable: " + f.reason;
  const std::string net =
      f.joules_net && f.idle_watts
          ? fmt::format("{} net of {} W idle", format_number(*f.joules_net / double(f.tokens)),
                        format_number(*f.idle_watts))
          : f.reason;
  return fmt::format("{} J/token ({}), {} W mean, {} W peak, {} J in {}, {}",
                     format_number(f.joules_per_token().value_or(0)), net,
                     format_number(*f.watts_mean), format_number(*f.watts_peak),
                     format_number(*f.joules), format_ns(double(f.window_ns)),
                     name_of(f.provenance));
}

EnergyMeter::EnergyMeter(FoundSource source, const EnergyWindow& window)
    : found_(std::move(source)), window_(window) {}

void EnergyMeter::measure_idle(int64_t ns) {
  if (!found_.source || ns <= 0) return;
  EnergySource& source = *found_.source;
  rest(kSecond / 5);  // threads that wait for work spin for a while
  const int64_t length = std::max(ns, std::min(source.shortest_window_ns(), window_.most_ns));
  const SampledWindow window = sample_while(source, kSamplingNs, [&] { rest(length); });
  const WindowEnergy energy = window.energy();
  idle_ns_ = window.to_ns - window.from_ns;
  idle_watts_ = energy.watts_mean;
  idle_reason_ = energy.reason;
  if (idle_ns_ >= source.shortest_window_ns()) return;
  idle_watts_.reset();
  idle_reason_ = too_short(source, idle_ns_);
}

std::string EnergyMeter::idle_text() const {
  if (!found_.source) return "energy: unavailable: " + found_.reason;
  if (!idle_watts_) return "idle power: unknown: " + idle_reason_;
  return fmt::format("idle power: {} W over {} ({})", format_number(*idle_watts_),
                     format_ns(double(idle_ns_)), found_.source->name());
}

EnergyFigures EnergyMeter::measure(int64_t tokens, const std::function<bool()>& pass) {
  EnergyFigures none;
  none.reason = found_.reason;
  if (!found_.source) return none;
  EnergySource& source = *found_.source;
  const int64_t length =
      std::min(std::max(window_.least_ns, source.shortest_window_ns()), window_.most_ns);
  int64_t passes = 0;
  bool complete = true;
  const SampledWindow window = sample_while(source, kSamplingNs, [&] {
    const int64_t start = now_ns();
    do complete = pass();
    while (complete && (++passes, now_ns() - start < length));
  });
  none.reason = "interrupted";
  return complete ? figures_of(window, tokens * passes) : none;
}

EnergyFigures EnergyMeter::figures_of(const SampledWindow& window, int64_t tokens) const {
  const EnergySource& source = *found_.source;
  EnergyFigures f;
  f.source = source.name(), f.method = source.method(), f.provenance = source.provenance();
  f.window_ns = window.to_ns - window.from_ns, f.tokens = tokens;
  const WindowEnergy energy = window.energy();
  f.reason = energy.reason;
  if (f.reason.empty() && f.window_ns < source.shortest_window_ns())
    f.reason = too_short(source, f.window_ns);
  if (!f.reason.empty()) return f;
  f.joules = energy.joules, f.watts_mean = energy.watts_mean, f.watts_peak = energy.watts_peak;
  subtract_idle(f);
  return f;
}

void EnergyMeter::subtract_idle(EnergyFigures& f) const {
  f.idle_watts = idle_watts_;
  f.reason = idle_watts_ ? "" : idle_reason_;
  if (!idle_watts_) return;
  const double net = *f.joules - *idle_watts_ * double(f.window_ns) * 1e-9;
  if (net > 0)
    f.joules_net = net;
  else
    f.reason = "the run drew no more than the idle machine: something else was working then";
}

}  // namespace qwench::bench
