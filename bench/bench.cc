// `qwench bench`: prefill and decode speed over lists of threads, batch sizes and depths.
#include "bench/bench_options.h"
#include "bench/bench_report.h"
#include "bench/commands.h"
#include "bench/environment.h"
#include "bench/exit_code.h"
#include "bench/interrupt.h"
#include "bench/kernel_command.h"
#include "bench/output.h"
#include "bench/roofline.h"
#include "cpu/cpu_info.h"

namespace qwench::bench {

namespace {

int64_t capacity_of(const BenchOptions& o, const Axes& axes, int64_t depth) {
  const int64_t needed = depth + axes.most_tokens();
  if (o.model.capacity && o.model.capacity < needed)
    fail_usage("--ctx: expected at least {} (depth {} and {} tokens), got {}", needed, depth,
               axes.most_tokens(), o.model.capacity);
  return std::max(needed, o.model.capacity);
}

OrderedJson config_json(const BenchOptions& o, const Axes& axes, const ModelConfig& config,
                        DType dtype, const Backend& backend) {
  OrderedJson json = {{"model", model_name(o.model.model)},
                      {"model_type", config.model_type},
                      {"parameters", config.parameters()},
                      {"dtype", name_of(dtype)},
                      {"capacity", capacity_of(o, axes, axes.depth.back())},
                      {"kernel_policy", backend.policy().to_string()}};
  json.update(options_json(o, axes));
  return json;
}

/// One benchmark in progress.
struct Sweep {
  const BenchOptions& options;
  const Axes& axes;
  BenchReport report;
  Progress progress;
};

/// All cases of one batch size and depth. False when interrupted.
bool measure_session(Sweep& sweep, const LoadedModel& loaded, cpu::ReadMeter& meter, int64_t batch,
                     int64_t depth) {
  const BenchOptions& o = sweep.options;
  const int64_t capacity = capacity_of(o, sweep.axes, depth);
  Session session(loaded.model, session_options(o.model, batch, capacity));
  fill_context(session, loaded.model, depth, o.model.seed);
  const auto measure = [&](Phase phase, int64_t n_tokens) {
    CaseSettings settings{
        phase, depth, n_tokens, o.runs, o.no_warmup ? 0 : o.warmup, o.model.seed, {}, [&] {
          return meter.measure(0.1).per_second;
        }};
    const std::string label =
        fmt::format("{} {} tokens, batch {}, depth {}, {} threads", name_of(phase), n_tokens, batch,
                    depth, loaded.backend->threads());
    settings.progress = [&](int64_t run) {
      sweep.progress.show(fmt::format("{}: run {}/{}", label, run + 1, o.runs));
    };
    std::optional<CaseResult> result = measure_case(session, loaded.model, settings);
    if (!result) return;
    sweep.progress.done(
        fmt::format("{}: {:.2f} tokens/s", label, result->tokens_per_second.median));
    sweep.report.rows.push_back({loaded.backend->threads(), std::move(*result), {}});
  };
  for (int64_t n : sweep.axes.prefill)
    if (n && !interrupted()) measure(Phase::kPrefill, n);
  for (int64_t n : sweep.axes.decode)
    if (n && !interrupted()) measure(Phase::kDecode, n);
  return !interrupted();
}

cpu::Roofline measure_ceilings(Sweep& sweep, int threads) {
  sweep.progress.show("measuring bandwidth and peak");
  return cpu::measure_roofline(threads, 1.0);
}

/// All cases of one thread count, between two measurements of the ceilings.
void measure_threads(Sweep& sweep, const Checkpoint& checkpoint, std::unique_ptr<Backend> backend) {
  const BenchOptions& o = sweep.options;
  const int threads = backend->threads();
  const SessionOptions largest = session_options(
      o.model, sweep.axes.batch.back(), capacity_of(o, sweep.axes, sweep.axes.depth.back()));
  const LoadedModel loaded = load_model(o.model, checkpoint, std::move(backend), largest);
  const size_t first_row = sweep.report.rows.size();
  cpu::Roofline roofline = measure_ceilings(sweep, threads);
  cpu::ReadMeter meter(threads);
  const InterruptGuard guard;
  for (int64_t depth : sweep.axes.depth)
    for (int64_t batch : sweep.axes.batch)
      if (!interrupted()) measure_session(sweep, loaded, meter, batch, depth);
  sweep.report.interrupted = interrupted();
  if (!interrupted()) roofline = higher(roofline, measure_ceilings(sweep, threads));
  for (size_t i = first_row; i < sweep.report.rows.size(); ++i)
    sweep.report.rows[i].roofline = roofline;
}

void describe(Sweep& sweep, const Checkpoint& checkpoint, Backend& backend) {
  const ModelOptions& o = sweep.options.model;
  const DType dtype = weight_dtype(o, checkpoint.config());
  BenchReport& report = sweep.report;
  report.model = model_name(o.model), report.dtype = std::string(name_of(dtype));
  report.kv_dtype = o.kv_dtype, report.backend = std::string(backend.name());
  report.config = config_json(sweep.options, sweep.axes, checkpoint.config(), dtype, backend);
  OpSizes sizes = sizes_of(checkpoint.config(), dtype, parse_dtype(o.kv_dtype));
  sizes.n_tokens = sweep.axes.batch.front();
  report.decode_kernels = list_kernels(backend, sizes);
  sizes.n_tokens = std::min(std::max<int64_t>(1, sweep.axes.prefill.back()), o.prefill_chunk);
  report.prefill_kernels = list_kernels(backend, sizes);
}

}  // namespace

BenchReport measure_bench(const BenchOptions& o) {
  const Axes axes = read_axes(o);
  const std::unique_ptr<Checkpoint> checkpoint = open_model(o.model);
  capacity_of(o, axes, axes.depth.back());
  Sweep sweep{o, axes, {}, {}};
  for (int64_t threads : axes.threads) {
    std::unique_ptr<Backend> backend = make_backend(o.model, threads);
    if (sweep.report.model.empty()) describe(sweep, *checkpoint, *backend);
    measure_threads(sweep, *checkpoint, std::move(backend));
    if (sweep.report.interrupted) break;
  }
  return std::move(sweep.report);
}

static int run_bench(const BenchOptions& o) {
  if (wants_kernel_list(o.model)) return print_kernel_list(o.model);
  const BenchReport report = measure_bench(o);
  if (!o.output.empty()) write_text_file(o.output, to_text(report_json(report)));
  if (o.json)
    print(to_text(report_json(report)));
  else
    print(o.csv ? report_csv(report) : report_text(report));
  return report.interrupted ? kExitInterrupted : kExitOk;
}

void add_bench_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<BenchOptions>();
  CLI::App* command = program.add_subcommand("bench", "Measure prefill and decode speed, op by op");
  declare_bench_options(*command, *o);
  command->callback([o, command, &chosen] {
    apply_config_file(*command, *o);
    chosen = [o] { return run_bench(*o); };
  });
}

}  // namespace qwench::bench
