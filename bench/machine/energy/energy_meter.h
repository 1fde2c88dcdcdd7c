// Energy of repeated work: what a window cost, less what the machine draws at rest, by token. A figure
// that could not be had is missing with its reason, and never 0.
#pragma once
#include <functional>

#include "bench/machine/energy/sampler.h"
#include "engine/base/json.h"

namespace qwench::bench {

struct EnergyFigures {
  std::string source, method;  // "": there is none
  Provenance provenance = Provenance::kUnavailable;
  std::optional<double> joules, watts_mean, watts_peak;
  std::optional<double> idle_watts, joules_net;  // net: without what idling as long would have cost
  int64_t window_ns = 0, tokens = 0;
  std::string reason;  // why joules, or only joules_net, are missing

  std::optional<double> joules_per_token() const;
  std::optional<double> tokens_per_joule() const;
};

/// {"source", "provenance", "joules", "idle_watts", "joules_net", "joules_per_token" (gross),
/// "tokens_per_joule", "watts_mean", "watts_peak", "window_ns", "tokens", "method", "reason"}.
OrderedJson to_json(const EnergyFigures& figures);
/// The way back; Error naming `where`.
EnergyFigures read_energy(const Json& object, const std::string& where);
/// "12.3 J, 0.193 J/token (0.150 net of 2.1 W idle), 14.2 W mean, 15.0 W peak, 1.20 s, measured-RAPL", or
/// why not.
std::string energy_text(const EnergyFigures& figures);

/// Of the window of one figure.
struct EnergyWindow {
  int64_t least_ns = 1'000'000'000, most_ns = 60'000'000'000;
};

class EnergyMeter {
 public:
  /// Without a source there are no figures, for its reason.
  explicit EnergyMeter(FoundSource source, const EnergyWindow& window = {});

  const FoundSource& found() const { return found_; }

  /// Measures what the machine draws while this program sleeps, for `ns` or the shortest window of the
  /// source, if that is longer; less when interrupted. 0: not at all, nothing will be net.
  void measure_idle(int64_t ns);

  /// Calls `pass`, each of which makes `tokens` tokens, once at least and until the window has its least
  /// length and the shortest of the source, but begins none after its most. A pass returns false when it
  /// was interrupted; there are no figures then.
  EnergyFigures measure(int64_t tokens, const std::function<bool()>& pass);

  /// What the idle measurement gave, for people.
  std::string idle_text() const;

 private:
  EnergyFigures figures_of(const SampledWindow& window, int64_t tokens) const;
  void subtract_idle(EnergyFigures& figures) const;

  FoundSource found_;
  EnergyWindow window_;
  std::optional<double> idle_watts_;
  std::string idle_reason_ = "idle power was not measured";
  int64_t idle_ns_ = 0;
};

}  // namespace qwench::bench
