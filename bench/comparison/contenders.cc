// Loading once what configurations share, and the turns that they take.
#include "bench/comparison/contenders.h"

#include <algorithm>
#include <map>
#include <utility>

#include "bench/accuracy/divergence.h"
#include "bench/support/interrupt.h"
#include "bench/support/program.h"
#include "engine/base/checked.h"

namespace qwench::bench {

namespace {

CaseSettings settings_of(Phase phase, const Workload& w) {
  CaseSettings settings;
  settings.phase = phase, settings.depth = w.depth, settings.seed = w.seed;
  settings.n_tokens = std::max<int64_t>(1, w.tokens(phase));
  return settings;
}

ConfiguredModel& without_watching(ConfiguredModel& model) {
  model.stop_watching();
  return model;
}

/// Threads that all configurations with the same number of them have.
class SharedTeams {
 public:
  std::shared_ptr<cpu::Team> of(const Configuration& c) {
    std::shared_ptr<cpu::Team>& team = teams_[c.model.threads];
    if (!team) team = of_configuration(c, [&] { return cpu::make_team(int(c.model.threads)); });
    return team;
  }

 private:
  std::map<int64_t, std::shared_ptr<cpu::Team>> teams_;
};

/// Rows of one kind as they come, every n-th of them where all take too much memory.
class RowKeeper {
 public:
  RowKeeper(int64_t width, int64_t expected) : step_(step_for(width * expected)) {
    rows_.width = width;
  }
  void add(const float* values, int64_t n) {
    for (int64_t i = 0; i < n; ++i, ++seen_)
      if (seen_ % step_ == 0)
        rows_.values.insert(rows_.values.end(), values + i * rows_.width,
                            values + (i + 1) * rows_.width);
  }
  Rows take() { return std::move(rows_); }

  static constexpr int64_t kMostValues = int64_t(32) << 20;

 private:
  /// Odd, so that every sequence of an even batch has its turn.
  static int64_t step_for(int64_t values) {
    const int64_t step = ceil_div(std::max<int64_t>(values, 1), kMostValues);
    return step == 1 ? 1 : step | 1;
  }

  Rows rows_;
  int64_t step_, seen_ = 0;
};

/// Bytes that the rows of two configurations take, those of the first one and of another.
int64_t bytes_of_rows(const ModelConfig& config, const Workload& w) {
  int64_t values = 0;
  for (const int64_t tokens : {w.prefill, w.decode})
    for (const int64_t width : {config.vocab, config.dim})
      values += std::min(RowKeeper::kMostValues + width, width * tokens * w.batch);
  return 2 * values * int64_t(sizeof(float));
}

}  // namespace

Contender::Contender(std::unique_ptr<ConfiguredModel> model, const Workload& workload)
    : workload_(workload),
      model_(std::move(model)),
      session_(without_watching(*model_).loaded().model, model_->session_options()),
      delayed_(*model_->loaded().backend),
      prefill_(session_, model_->loaded().model, settings_of(Phase::kPrefill, workload)),
      decode_(session_, model_->loaded().model, settings_of(Phase::kDecode, workload)) {
  session_.add_layer_hook([this](Backend& backend, const LayerOutput& output) {
    if (keep_residual_) keep_residual_(backend, output);
  });
  try {
    fill_context(session_, model_->loaded().model, workload.depth, workload.seed);
  } catch (const NonfiniteError& error) {
    no_context_ = error.what();
  }
}

PhaseOutput Contender::output_of(Phase phase) {
  const ModelConfig& config = model_->config();
  PhaseOutput output;
  output.phase = phase, output.nonfinite = no_context_;
  if (!no_context_.empty()) return output;
  const int64_t n_seq = session_.n_seq(), rows = n_seq * workload_.tokens(phase);
  RowKeeper logits(config.vocab, phase == Phase::kPrefill ? n_seq : rows);
  RowKeeper residual(config.dim, rows);
  std::vector<float> host;
  keep_residual_ = [&](Backend& backend, const LayerOutput& layer) {
    if (layer.layer + 1 != config.n_layers) return;
    host.resize(size_t(layer.x.shape.count()));
    backend.download(host.data(), layer.x.data, layer.x.bytes());
    residual.add(host.data(), layer.x.rows());
  };
  runner(phase).on_logits = [&](int64_t n) {
    logits.add(session_.logits(0), n);
    if (output.wrong_choice.empty()) output.wrong_choice = wrong_choice(n);
  };
  TimedRun run;
  try {
    runner(phase).run(profiler_, n_seq, workload_.tokens(phase), run);
  } catch (const NonfiniteError& error) {
    output.nonfinite = error.what();
    for (int64_t seq = 0; seq < n_seq; ++seq) session_.truncate(seq, workload_.depth);
  }
  keep_residual_ = nullptr, runner(phase).on_logits = nullptr;
  for (const OpRecord& op : run.ops) output.inputs = std::max(output.inputs, op.inputs);
  output.logits = logits.take(), output.residual = residual.take();
  return output;
}

std::string Contender::wrong_choice(int64_t n) {
  const int64_t vocab = model_->config().vocab;
  for (int64_t row = 0; row < n; ++row) {
    const float* logits = session_.logits(row);
    const int64_t best = argmax(logits, vocab);
    const int64_t chosen = session_.argmax(row, vocab);
    if (chosen != best)
      return fmt::format("argmax chooses id {}, the largest logit is that of {}", chosen, best);
  }
  return {};
}

ArmOutputs Contender::outputs() {
  const ModelOptions& o = model_->configuration().model;
  ArmOutputs outputs;
  // Weights of a shape card are random, and others for another seed.
  outputs.numerics.model =
      model_->checkpoint().is_random() ? fmt::format("{}, seed {}", o.model, o.seed) : o.model;
  outputs.numerics.dtype = name_of(weight_dtype(o, model_->config()));
  outputs.numerics.kv_dtype = kv_name(o, model_->config());
  outputs.numerics.precision = model_->precision();
  Profiler* const before = std::exchange(model_->loaded().backend->profiler, &profiler_);
  for (const Phase phase : {Phase::kPrefill, Phase::kDecode})
    if (workload_.tokens(phase) && !interrupted()) outputs.phases.push_back(output_of(phase));
  model_->loaded().backend->profiler = before;
  if (interrupted()) outputs.phases.clear();
  return outputs;
}

std::optional<Turn> Contender::take_turn(Phase phase, int64_t repeats, double delay) {
  Backend& backend = *model_->loaded().backend;
  Turn turn;
  TimedRun run;
  Profiler* const before = std::exchange(backend.profiler, &profiler_);
  delayed_.delay(delay);
  bool complete = runner(phase).run(profiler_, 1, 1, run);
  for (int64_t i = 0; i < repeats && complete; ++i) {
    complete = runner(phase).run(profiler_, session_.n_seq(), workload_.tokens(phase), run);
    turn.ns += double(run.wall_ns);
    for (const OpRecord& op : run.ops) turn.op_ns[op.op] += double(op.ns);
  }
  delayed_.delay(0);
  backend.profiler = before;
  if (!complete) return std::nullopt;
  return turn;
}

Contenders::Contenders(std::vector<Configuration> configurations, const Workload& workload)
    : configurations_(std::move(configurations)) {
  std::vector<OpenedModel> opened;
  SharedTeams teams;
  for (const Configuration& c : configurations_) {
    size_t same = 0;
    while (same < opened.size() && opened[same].configuration.loaded != c.loaded) ++same;
    of_.push_back(same);
    if (same < opened.size()) continue;
    opened.push_back(open_configured(c, workload.capacity(), c.model.prefill_chunk, teams.of(c)));
    opened.back().session.n_seq = workload.batch;
    opened.back().session.logit_rows = 0;
    share_context(opened.back().session, workload.depth);
  }
  require_memory_together(opened, bytes_of_rows(opened.front().checkpoint->config(), workload),
                          opened.front().backend->available_bytes());
  for (OpenedModel& model : opened) {
    auto loaded = std::make_unique<ConfiguredModel>(std::move(model));  // its errors have its name
    const Configuration of = loaded->configuration();  // `loaded` is gone where the next throws
    loaded_.push_back(of_configuration(
        of, [&] { return std::make_unique<Contender>(std::move(loaded), workload); }));
  }
}

ArmOutputs Contenders::outputs(size_t arm) {
  return of_configuration(configurations_[arm], [&] { return of(arm).outputs(); });
}

std::optional<Turn> Contenders::take_turn(size_t arm, Phase phase, int64_t repeats) {
  return of_configuration(configurations_[arm], [&] {
    return of(arm).take_turn(phase, repeats, configurations_[arm].inject.delay);
  });
}

ArmFacts Contenders::facts(size_t arm) {
  ArmFacts facts;
  facts.description = of(arm).model().to_json();
  // Arms of one loaded model differ in name and delay.
  facts.description["configuration"] = without_home(configurations_[arm].text);
  facts.description["injection"] = injection_json(configurations_[arm]);
  const MemoryCounters memory = of(arm).memory();
  for (size_t i = 0; i < kMemoryKinds; ++i) facts.memory_bytes += memory.now[i];
  return facts;
}

}  // namespace qwench::bench
