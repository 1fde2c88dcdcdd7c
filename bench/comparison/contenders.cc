// Loading once what configurations share, and the turns that they take.
#include "bench/comparison/contenders.h"

#include <algorithm>
#include <utility>

#include "bench/support/environment.h"
#include "bench/support/interrupt.h"
#include "cpu/cpu_info.h"

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

/// Threads of an opened configuration with the same number of them.
const Backend* threads_like(const std::vector<OpenedModel>& opened, const Configuration& c) {
  for (const OpenedModel& other : opened)
    if (other.configuration.model.threads == c.model.threads) return other.backend.get();
  return nullptr;
}

}  // namespace

Contender::Contender(OpenedModel opened, const Workload& workload)
    : workload_(workload),
      model_(std::move(opened)),
      session_(without_watching(model_).loaded().model, model_.session_options()),
      prefill_(session_, model_.loaded().model, settings_of(Phase::kPrefill, workload)),
      decode_(session_, model_.loaded().model, settings_of(Phase::kDecode, workload)) {
  fill_context(session_, model_.loaded().model, workload.depth, workload.seed);
}

std::optional<Turn> Contender::take_turn(Phase phase, int64_t repeats, double delay) {
  Backend& backend = *model_.loaded().backend;
  CaseRunner& runner = phase == Phase::kPrefill ? prefill_ : decode_;
  Turn turn;
  TimedRun run;
  Profiler* const before = std::exchange(backend.profiler, &profiler_);
  backend.delay = delay;
  bool complete = runner.run(profiler_, 1, 1, run);
  for (int64_t i = 0; i < repeats && complete; ++i) {
    complete = runner.run(profiler_, session_.n_seq(), workload_.tokens(phase), run);
    turn.ns += double(run.wall_ns);
    for (const OpRecord& op : run.ops) turn.op_ns[op.op] += double(op.ns);
  }
  backend.delay = 0;
  backend.profiler = before;
  if (!complete) return std::nullopt;
  return turn;
}

std::vector<float> Contender::logits(const std::vector<int32_t>& tokens) {
  const int64_t vocab = model_.config().vocab;
  std::vector<float> all;
  for (const int32_t token : tokens) {
    session_.prefill(0, &token, 1);
    all.insert(all.end(), session_.logits(0), session_.logits(0) + vocab);
  }
  session_.truncate(0, workload_.depth);
  return all;
}

Contenders::Contenders(std::vector<Configuration> configurations, const Workload& workload)
    : configurations_(std::move(configurations)) {
  std::vector<OpenedModel> opened;
  for (const Configuration& c : configurations_) {
    size_t same = 0;
    while (same < opened.size() && opened[same].configuration.loaded != c.loaded) ++same;
    of_.push_back(same);
    if (same < opened.size()) continue;
    opened.push_back(
        open_configured(c, workload.capacity(), c.model.prefill_chunk, threads_like(opened, c)));
    opened.back().session.n_seq = workload.batch;
    opened.back().session.logit_rows = 0;
  }
  require_memory_together(opened, 0, cpu::available_memory_bytes());
  for (OpenedModel& model : opened)
    loaded_.push_back(std::make_unique<Contender>(std::move(model), workload));
}

std::optional<Turn> Contenders::take_turn(size_t arm, Phase phase, int64_t repeats) {
  return loaded_[of_[arm]]->take_turn(phase, repeats, configurations_[arm].inject.delay);
}

ArmFacts Contenders::facts(size_t arm, int64_t n_tokens, uint64_t seed) {
  Contender& contender = *loaded_[of_[arm]];
  ArmFacts facts;
  facts.description = contender.model().to_json();
  // Arms of one loaded model differ in name and delay.
  facts.description["configuration"] = without_home(configurations_[arm].text);
  facts.description["injection"] = injection_json(configurations_[arm]);
  const MemoryCounters memory = contender.memory();
  for (size_t i = 0; i < kMemoryKinds; ++i) facts.memory_bytes += memory.now[i];
  const int64_t vocab = contender.model().config().vocab;
  if (finished([&] { facts.logits = contender.logits(random_ids(n_tokens, vocab, seed + 2)); }))
    facts.vocab = vocab;
  return facts;
}

}  // namespace qwench::bench
