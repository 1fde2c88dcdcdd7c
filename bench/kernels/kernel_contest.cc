// One backend per kernel, so that each holds the weights in the layout its kernel reads. Rounds go
// through all kernels in turn: a machine that slows down slows all of them.
#include "bench/kernels/kernel_contest.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "bench/kernels/contestant.h"
#include "bench/machine/host.h"
#include "bench/support/forked.h"
#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

/// The names of an op's kernels, best first; then what the list does not name.
template <class Args>
std::vector<std::string> names_of(const Backend& backend) {
  std::vector<std::string> names;
  for (const Kernel<Args>& k : backend.kernels(Tag<Args>{})) names.emplace_back(k.name);
  if (kHasParts<Args>) names.emplace_back("composed"), names.emplace_back("reference");
  return names;
}

/// Copies of the inputs that together exceed the last-level cache, as far as memory allows.
template <class Args>
int64_t copies_needed(const ContestSettings& settings, size_t n_kernels) {
  if (!settings.cold) return 1;
  constexpr int64_t kLeast = int64_t(64) << 20, kMost = int64_t(512) << 20;
  NoMemory none;
  const int64_t bytes = std::max<int64_t>(1, cost(example<Args>(settings.sizes, none)).bytes);
  int64_t ring = std::clamp(4 * host().l3_bytes, kLeast, kMost);
  ring = std::min(ring, available_memory_bytes() / (8 * int64_t(n_kernels)));
  return std::clamp<int64_t>((ring + bytes - 1) / bytes, 1, 256);
}

template <class Args>
Outputs oracle_output(const ContestSettings& settings, const std::shared_ptr<cpu::Team>& team) {
  Contestant<Args> oracle("reference", settings, team);
  if (!oracle.prepare(1)) fail("reference: {}", oracle.row.refusal);
  oracle.warm_up();
  return oracle.output();
}

/// What the trials should give.
template <class Args>
std::vector<Outputs> trial_outputs(const ContestSettings& settings,
                                   const std::shared_ptr<cpu::Team>& team) {
  std::vector<Outputs> all;
  for (const TrialSizes& trial : trial_sizes(id_of<Args>(), settings.sizes)) {
    ContestSettings of_trial = settings;
    of_trial.sizes = trial.sizes;
    all.push_back(oracle_output<Args>(of_trial, team));
  }
  return all;
}

/// How the kernels of plug-ins fail, by name; each in a process of its own.
template <class Args>
std::map<std::string, std::string> plugin_failures(const ContestSettings& settings) {
  std::map<std::string, std::string> failures;
  const std::unique_ptr<Backend> backend = forced_backend("", 1, settings.plugins);
  for (const Kernel<Args>& k : backend->kernels(Tag<Args>{})) {
    if (k.plugin.empty() || interrupted()) continue;
    const std::string name(k.name);
    const std::string fault = fault_of([&] {
      Contestant<Args> c(name, settings, nullptr);
      if (!c.prepare(1)) return;
      c.warm_up();
      c.try_out(nullptr);
    });
    if (fault.empty()) continue;
    const bool named = fault.rfind("plug-in ", 0) == 0;
    failures[name] =
        named ? fault
              : fmt::format("plug-in {}: kernel {} of {}: {}", k.plugin, name, Args::kName, fault);
  }
  return failures;
}

/// Speed against the baseline, whose second time of each round is the control.
std::optional<Paired> against(const std::vector<double>& baseline,
                              const std::vector<double>& control,
                              const std::vector<double>& times) {
  std::vector<double> ratios, noise;
  for (size_t i = 0; i < std::min(baseline.size(), times.size()); ++i)
    ratios.push_back(baseline[i] / times[i]);
  for (size_t i = 0; i < std::min(baseline.size(), control.size()); ++i)
    noise.push_back(baseline[i] / control[i]);
  if (ratios.empty()) return std::nullopt;
  return compare_paired(ratios, noise, {});
}

template <class Args>
using Contestants = std::vector<std::unique_ptr<Contestant<Args>>>;

/// Rounds in turns, every second one in the opposite order; the baseline goes twice.
template <class Args>
void time_all(const Contestants<Args>& all, const std::string& baseline, double seconds) {
  std::vector<Contestant<Args>*> order;
  for (const auto& c : all)
    if (c->row.runs()) order.push_back(c.get());
  for (bool more = true; more && !interrupted(); std::reverse(order.begin(), order.end())) {
    more = false;
    for (Contestant<Args>* c : order) {
      if (!c->wants_round(seconds)) continue;
      c->take_round();
      if (c->row.kernel == baseline) c->take_control();
      more = true;
    }
  }
}

/// The outputs of timed calls count too; an op that works in place has moved on by now.
template <class Args>
std::vector<ContestRow> rows_of(const Contestants<Args>& all, const ContestSettings& settings,
                                const Outputs& oracle) {
  const Contestant<Args>* baseline = nullptr;
  for (const auto& c : all)
    if (c->row.kernel == settings.baseline) baseline = c.get();
  std::vector<ContestRow> rows;
  for (const auto& c : all) {
    if (!c->times().empty()) {
      if (!in_place<Args>()) c->check(oracle);
      c->row.ns = summarize(c->times());
      if (baseline)
        c->row.against_baseline = against(baseline->times(), baseline->control(), c->times());
    }
    rows.push_back(c->row);
  }
  return rows;
}

template <class Args>
std::vector<ContestRow> contest(const ContestSettings& settings) {
  const std::map<std::string, std::string> failures = plugin_failures<Args>(settings);
  const std::shared_ptr<cpu::Team> team = cpu::make_team(settings.threads);
  const std::vector<std::string> names =
      names_of<Args>(*forced_backend("", settings.threads, settings.plugins, team));
  const Outputs oracle = oracle_output<Args>(settings, team);
  const std::vector<Outputs> trials = trial_outputs<Args>(settings, team);
  const int64_t n_copies = copies_needed<Args>(settings, names.size());
  Contestants<Args> all;
  for (const std::string& name : names) {
    if (interrupted()) break;
    all.push_back(std::make_unique<Contestant<Args>>(name, settings, team));
    Contestant<Args>& c = *all.back();
    if (const auto failed = failures.find(name); failed != failures.end()) {
      c.row.failure = failed->second;
      continue;
    }
    if (!c.prepare(n_copies)) continue;
    c.warm_up();
    c.check(oracle);
    c.try_out(&trials);
  }
  time_all(all, settings.baseline, settings.seconds);
  return rows_of(all, settings, oracle);
}

}  // namespace

std::vector<std::string> kernel_names(OpId op, const std::vector<std::string>& plugins) {
  const std::unique_ptr<Backend> backend = forced_backend("", 1, plugins);
  std::vector<std::string> names;
  for_each_op([&](auto tag) {
    using Args = typename decltype(tag)::type;
    if (id_of<Args>() == op) names = names_of<Args>(*backend);
  });
  return names;
}

std::vector<ContestRow> run_contest(OpId op, const ContestSettings& settings) {
  std::vector<ContestRow> rows;
  for_each_op([&](auto tag) {
    using Args = typename decltype(tag)::type;
    if (id_of<Args>() == op) rows = contest<Args>(settings);
  });
  return rows;
}

}  // namespace qwench::bench
