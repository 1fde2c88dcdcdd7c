// `qwench bench`: prefill and decode speed over lists of threads, batch sizes and depths.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "bench/commands.h"
#include "bench/kernels/kernel_command.h"
#include "bench/machine/ceilings.h"
#include "bench/model/identity.h"
#include "bench/suites/suites_command.h"
#include "bench/support/exit_code.h"
#include "bench/support/interrupt.h"
#include "bench/support/last_words.h"
#include "bench/support/output.h"
#include "bench/support/output_file.h"
#include "bench/support/program.h"
#include "bench/support/trace_file.h"
#include "bench/sweep/options.h"
#include "bench/sweep/plan.h"
#include "bench/sweep/report.h"
#include "bench/sweep/samples.h"

namespace qwench::bench {

namespace {

/// identity: identity_json(), or empty where nobody asks for it.
OrderedJson config_json(const BenchOptions& o, const Axes& axes, const ModelConfig& config,
                        const Backend& backend, const OrderedJson& identity) {
  OrderedJson json = {{"model", model_name(o.model.model)},
                      {"model_type", config.model_type},
                      {"parameters", config.parameters()},
                      {"dtype", name_of(weight_dtype(o.model, config))},
                      {"capacity", capacity_of(o, axes, axes.depth.back())},
                      {"kernel_policy", backend.policy().to_string()}};
  json.update(options_json(o, axes, kv_name(o.model, config)));
  json.update(identity);
  if (o.energy.asked()) json["energy"] = true;
  return json;
}

std::string form_of(const BenchOptions& o, const BenchReport& report) {
  if (o.json) return to_text(report_json(report));
  return o.csv ? report_csv(report) : report_text(report);
}

/// One benchmark in progress.
struct Sweep {
  const BenchOptions& options;
  const Axes& axes;
  const OrderedJson identity;  // of the model's files, read once
  BenchReport report;
  std::optional<BenchSamples> samples;
  std::optional<Trace> trace;
  Progress progress;
  std::optional<EnergyMeter> meter;  // none: energy was not asked for
  bool idle_measured = false;
  LastWords so_far = {};  // where a plug-in may end the program

  /// Takes the case from the samples, if they have it.
  bool take_known(const CaseKey& key) {
    std::optional<BenchRow> row = samples ? samples->find(key) : std::nullopt;
    if (!row) return false;
    progress.done(fmt::format("{}: {:.2f} tokens/s, measured before", label_of(key),
                              row->result.tokens_per_second.median));
    report.rows.push_back(std::move(*row));
    return true;
  }
};

/// What the cases of one thread count share.
struct Bench {
  const LoadedModel& loaded;
  const std::unique_ptr<Probes> probes;
  Ceilings roofline;
  std::vector<size_t> rows;  // of the report, measured now
};

using AfterRuns = std::function<void(const std::function<bool()>& run_again)>;

/// Measures the energy of further runs of a case, if that was asked for.
AfterRuns energy_of(Sweep& sweep, const CaseKey& key, std::optional<EnergyFigures>& to) {
  if (!sweep.meter) return {};
  to.emplace().reason = "interrupted";
  return [&sweep, &to, key](const std::function<bool()>& run_again) {
    sweep.progress.show(label_of(key) + ": energy");
    to = sweep.meter->measure(key.batch * key.n_tokens, run_again);
  };
}

/// The choices as they were made: a model's weights are of several types, the example that the kernels were asked
/// about is of one. An op that did not run has none.
void take_choices(BenchReport& report) {
  const auto ran = [&](Phase phase, const KernelRow& row) {
    return std::any_of(report.rows.begin(), report.rows.end(), [&](const BenchRow& m) {
      return m.result.phase == phase &&
             std::any_of(m.result.ops.begin(), m.result.ops.end(), [&](const OpRecord& op) {
               return op.op == row.op && op.kernel == row.kernel;
             });
    });
  };
  for (KernelRow& row : report.prefill_kernels) row.chosen = ran(Phase::kPrefill, row);
  for (KernelRow& row : report.decode_kernels) row.chosen = ran(Phase::kDecode, row);
}

void measure(Sweep& sweep, Bench& bench, Session& session, const CaseKey& key) {
  const BenchOptions& o = sweep.options;
  CaseSettings settings{
      key.phase,
      key.depth,
      key.n_tokens,
      o.runs,
      o.no_warmup ? 0 : o.warmup,
      o.model.seed,
      [&](int64_t run) {
        sweep.progress.show(fmt::format("{}: run {}/{}", label_of(key), run + 1, o.runs));
      },
      [&] { return bench.probes->read(0.1).per_second; }};
  std::optional<EnergyFigures> energy;
  settings.after_runs = energy_of(sweep, key, energy);
  std::optional<CaseResult> result = measure_case(session, bench.loaded.model, settings);
  if (!result) return;
  sweep.progress.done(
      fmt::format("{}: {:.2f} tokens/s", label_of(key), result->tokens_per_second.median));
  bench.rows.push_back(sweep.report.rows.size());
  sweep.report.rows.push_back({key.threads, std::move(*result), bench.roofline, energy});
  if (!o.model.plugins.empty()) {
    BenchReport so_far = sweep.report;
    so_far.interrupted = true;
    take_choices(so_far);
    sweep.so_far.set(form_of(o, so_far));
  }
  const bool cut_short = energy && interrupted();  // to be measured again
  if (sweep.samples && !cut_short) sweep.samples->append(sweep.report, sweep.report.rows.back());
}

/// The cases of one batch size and depth.
void measure_session(Sweep& sweep, Bench& bench, const std::vector<CaseKey>& cases) {
  const BenchOptions& o = sweep.options;
  const int64_t depth = cases.front().depth, capacity = capacity_of(o, sweep.axes, depth);
  std::optional<Session> session;
  for (const CaseKey& key : cases) {
    if (interrupted()) return;
    if (sweep.take_known(key)) continue;
    if (!session) {
      SessionOptions options = session_options(o.model, key.batch, capacity);
      share_context(options, depth);
      session.emplace(bench.loaded.model, options);
      fill_context(*session, bench.loaded.model, depth, o.model.seed);
    }
    measure(sweep, bench, *session, key);
  }
}

/// Once, with the model in memory.
void measure_idle(Sweep& sweep) {
  if (!sweep.meter || std::exchange(sweep.idle_measured, true)) return;
  sweep.progress.show("measuring idle power");
  sweep.meter->measure_idle(sweep.options.energy.idle_ns);
  sweep.progress.done(sweep.meter->idle_text());
}

Ceilings measure_ceilings(Sweep& sweep, Probes& probes) {
  sweep.progress.show("measuring bandwidth and peak");
  return probes.ceilings(1.0);
}

/// All cases of one thread count, between two measurements of the ceilings. Nothing is loaded where all
/// are known.
void measure_threads(Sweep& sweep, const Checkpoint& checkpoint, std::unique_ptr<Backend> backend,
                     const std::vector<std::vector<CaseKey>>& sessions) {
  const BenchOptions& o = sweep.options;
  const int64_t depth = sweep.axes.depth.back();
  SessionOptions largest =
      session_options(o.model, sweep.axes.batch.back(), capacity_of(o, sweep.axes, depth));
  share_context(largest, depth);
  const LoadedModel loaded = load_model(o.model, checkpoint, std::move(backend), largest);
  if (sweep.trace) loaded.backend->trace = &*sweep.trace;
  Bench bench{loaded, loaded.backend->probes(), {}, {}};
  bench.roofline = measure_ceilings(sweep, *bench.probes);
  measure_idle(sweep);
  finished([&] {
    for (const std::vector<CaseKey>& session : sessions) measure_session(sweep, bench, session);
  });
  if (!interrupted())
    bench.roofline = higher(bench.roofline, measure_ceilings(sweep, *bench.probes));
  for (const size_t row : bench.rows) sweep.report.rows[row].roofline = bench.roofline;
}

/// Neighbours of the same depth and batch run in one session.
std::vector<std::vector<CaseKey>> by_session(const std::vector<CaseKey>& cases) {
  std::vector<std::vector<CaseKey>> sessions;
  for (const CaseKey& key : cases) {
    if (sessions.empty() || sessions.back().front().depth != key.depth ||
        sessions.back().front().batch != key.batch)
      sessions.emplace_back();
    sessions.back().push_back(key);
  }
  return sessions;
}

void describe(Sweep& sweep, const Checkpoint& checkpoint, Backend& backend) {
  const ModelOptions& o = sweep.options.model;
  const DType dtype = weight_dtype(o, checkpoint.config());
  BenchReport& report = sweep.report;
  report.model = model_name(o.model), report.dtype = std::string(name_of(dtype));
  report.kv_dtype = kv_name(o, checkpoint.config()), report.backend = std::string(backend.name());
  report.config =
      config_json(sweep.options, sweep.axes, checkpoint.config(), backend, sweep.identity);
  OpSizes sizes = sizes_of(o, checkpoint);
  sizes.n_tokens = sweep.axes.batch.front();
  report.decode_kernels = list_kernels(backend, sizes);
  sizes.n_tokens = std::min(std::max<int64_t>(1, sweep.axes.prefill.back()), o.prefill_chunk);
  report.prefill_kernels = list_kernels(backend, sizes);
}

}  // namespace

BenchReport measure_bench(const BenchOptions& o) {
  const InterruptGuard guard;
  const Axes axes = read_axes(o);
  const std::unique_ptr<Checkpoint> checkpoint = open_model(o.model);
  capacity_of(o, axes, axes.depth.back());
  Sweep sweep{o,  axes, identity_json(o.model, *checkpoint),         {}, {},
              {}, {},   make_energy_meter(o.energy, o.model.backend)};
  if (!o.trace.empty()) sweep.trace.emplace(kTraceEvents);
  if (!o.samples.empty())
    sweep.samples.emplace(o.samples, sample_conditions(o, axes, sweep.identity), o.resume);
  for (int64_t threads : axes.threads) {
    std::unique_ptr<Backend> backend = make_backend(o.model, threads);
    if (sweep.report.model.empty()) describe(sweep, *checkpoint, *backend);
    Axes one = axes;
    one.threads = {threads};
    const std::vector<CaseKey> cases = cases_of(one);
    const auto known = [&](const CaseKey& key) {
      return sweep.samples && sweep.samples->find(key);
    };
    if (std::all_of(cases.begin(), cases.end(), known))
      for (const CaseKey& key : cases) sweep.take_known(key);
    else
      finished([&] { measure_threads(sweep, *checkpoint, std::move(backend), by_session(cases)); });
    sweep.report.interrupted = interrupted();
    if (sweep.report.interrupted) break;
  }
  if (sweep.trace) write_trace(*sweep.trace, o.trace);
  take_choices(sweep.report);
  return std::move(sweep.report);
}

OrderedJson bench_config(const BenchOptions& o) {
  const Axes axes = read_axes(o);
  const std::unique_ptr<Checkpoint> checkpoint = open_model(o.model);
  const std::unique_ptr<Backend> backend = make_backend(o.model, axes.threads.front());
  return config_json(o, axes, checkpoint->config(), *backend, OrderedJson::object());
}

static int print_plan(const BenchOptions& o) {
  const BenchPlan plan = plan_bench(o);
  print(o.json ? to_text(plan_json(plan)) : plan_text(plan));
  if (plan.fits()) return kExitOk;
  note(
      "--plan: not every case fits into memory: choose a smaller -b or -d, --kv-dtype f16, --dtype "
      "q4g or a smaller model");
  return kExitError;
}

static int run_bench(const BenchOptions& o) {
  if (wants_kernel_list(o.model)) return print_kernel_list(o.model);
  if (o.resume && o.samples.empty())
    fail_usage("--resume: expected --samples FILE, which holds what is finished");
  if (o.plan) return print_plan(o);
  check_output(o.output), check_output(o.trace);
  const BenchReport report = measure_bench(o);
  deliver(form_of(o, report), o.output, to_text(report_json(report)));
  return report.interrupted ? kExitInterrupted : kExitOk;
}

void add_bench_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<BenchOptions>();
  auto suites = std::make_shared<SuitesOptions>();
  CLI::App* command = program.add_subcommand(
      "bench", "Measure prefill and decode speed, op by op; or run suites of benchmarks");
  declare_bench_options(*command, *o);
  declare_suites_options(*command, *suites);
  command->callback([o, suites, command, &chosen] {
    if (wants_suites(*suites)) {
      take_bench_options(*command, *o, *suites);
      chosen = [suites] { return run_suites(*suites); };
      return;
    }
    if (suites->suite.max_tokens) o->decode = std::to_string(suites->suite.max_tokens);
    apply_config_file(*command, *o);
    chosen = [o] { return run_bench(*o); };
  });
}

}  // namespace qwench::bench
