// Rows are compared on several threads and added in order: the sums do not depend on the threads.
#include "bench/accuracy/lockstep.h"

#include <algorithm>
#include <cmath>

#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "cpu/cpu_info.h"
#include "engine/checked.h"
#include "engine/threads.h"

namespace qwench::bench {

namespace {

constexpr int64_t kStepBytes = int64_t(64) << 20;

/// Calls f(i) for i in [0, n) on all cores.
template <class F>
void for_rows(int64_t n, const F& f) {
  const int64_t parts = std::min<int64_t>(n, cpu::cpu_info().physical_cores);
  Threads others;
  const auto part = [&](int64_t p) {
    for (int64_t i = p; i < n; i += parts) f(i);
  };
  for (int64_t p = 1; p < parts; ++p) others.start([&part, p] { part(p); });
  if (n > 0) part(0);
}

/// Seconds from its making on, added to a figure at its end.
class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds), start_(now_ns()) {}
  ~Stopwatch() { seconds_ += double(now_ns() - start_) * 1e-9; }

 private:
  double& seconds_;
  int64_t start_;
};

/// A step is done by all models or by none.
SessionOptions uninterrupted(SessionOptions options) {
  options.cancelled = nullptr;
  return options;
}

std::string why_not_comparable(const ModelConfig& reference, const ModelConfig& candidate) {
  if (reference.n_layers == candidate.n_layers && reference.dim == candidate.dim) return {};
  return fmt::format("layers are not comparable: {} of width {}, the reference has {} of width {}",
                     candidate.n_layers, candidate.dim, reference.n_layers, reference.dim);
}

}  // namespace

double ReferenceScore::perplexity() const { return tokens ? std::exp(nll / double(tokens)) : 0; }

void require_same_vocabulary(const Configuration& candidate, const ModelConfig& config,
                             const ModelConfig& reference) {
  if (config.vocab != reference.vocab)
    fail("{}: expected the reference's vocabulary of {}, got {} ({})", candidate.name,
         reference.vocab, config.vocab, candidate.model.model);
}

Lockstep::Lockstep(const ConfiguredModel& reference,
                   const std::vector<const ConfiguredModel*>& candidates, int64_t rows)
    : config_(reference.config()),
      reference_(reference.loaded().model, uninterrupted(reference.session_options())),
      taps_(reference.config().n_layers, reference.config().dim, rows),
      logits_(size_t(rows * reference.config().vocab)),
      rows_(rows) {
  reference_.add_layer_hook(taps_.keeper());
  for (const ConfiguredModel* candidate : candidates) add(*candidate);
}

void Lockstep::add(const ConfiguredModel& candidate) {
  const ModelConfig& config = candidate.config();
  require_same_vocabulary(candidate.configuration(), config, config_);
  auto contestant = std::make_unique<Contestant>();
  contestant->session = std::make_unique<Session>(candidate.loaded().model,
                                                  uninterrupted(candidate.session_options()));
  contestant->score.divergence = std::make_unique<Divergence>(config.vocab);
  contestant->score.layers_note = why_not_comparable(config_, config);
  if (contestant->score.layers_note.empty()) {
    contestant->layers = std::make_unique<LayerComparison>(taps_);
    contestant->session->add_layer_hook(contestant->layers->comparer());
  }
  contestants_.push_back(std::move(contestant));
}

int64_t Lockstep::bytes(const ModelConfig& config, int64_t rows) {
  const int64_t logits = checked_mul(config.vocab * int64_t(sizeof(float)), rows, "logits");
  return checked_add(logits, LayerTaps::bytes(config.n_layers, config.dim, rows), "rows");
}

int64_t Lockstep::rows_per_step(const ModelConfig& config, int64_t window) {
  return std::clamp<int64_t>(kStepBytes / bytes(config, 1), 1, window);
}

void Lockstep::run(const ScoredText& text, const Window& window) {
  reference_.truncate(0, 0);
  for (auto& contestant : contestants_) contestant->session->truncate(0, 0);
  const int64_t end = window.first + window.count;
  for (int64_t first = window.first; first < end && !interrupted(); first += rows_) {
    const Step step{text, window.first, first, std::min(rows_, end - first), end};
    run_reference(step);
    for (auto& contestant : contestants_)
      if (contestant->score.failure.empty()) run_candidate(step, *contestant);
  }
}

void Lockstep::run_reference(const Step& step) {
  const int64_t vocab = config_.vocab;
  taps_.restart();
  const Session::OnLogits keep = [&](int64_t first, int64_t n, const float* logits) {
    std::copy(logits, logits + n * vocab, logits_.begin() + first * vocab);
  };
  {
    const Stopwatch stopwatch(reference_score_.seconds);
    reference_.prefill(0, step.text.ids.data() + step.first, step.count, &keep);
  }
  const int64_t scored = std::min(step.count, step.end - 1 - step.first);
  std::vector<double> nll(size_t(std::max<int64_t>(scored, 0)));
  for_rows(int64_t(nll.size()), [&](int64_t i) {
    const float* row = logits_.data() + i * vocab;
    const int32_t next = step.text.ids[size_t(step.first + i + 1)];
    nll[size_t(i)] = log_sum_exp(row, vocab) - double(row[next]);
  });
  for (double value : nll) reference_score_.nll += value;
  reference_score_.tokens += int64_t(nll.size());
}

void Lockstep::run_candidate(const Step& step, Contestant& contestant) {
  if (contestant.layers) contestant.layers->restart();
  double comparing = 0;
  const Session::OnLogits on_logits = [&](int64_t first, int64_t n, const float* logits) {
    const Stopwatch stopwatch(comparing);
    compare(step, contestant, first, n, logits);
  };
  try {
    const Stopwatch stopwatch(contestant.score.seconds);
    contestant.session->prefill(0, step.text.ids.data() + step.first, step.count, &on_logits);
  } catch (const NonfiniteError& error) {
    contestant.score.failure = error.what();
  }
  contestant.score.seconds -= comparing;
  if (contestant.layers) contestant.score.layers = contestant.layers->layers();
}

void Lockstep::compare(const Step& step, Contestant& contestant, int64_t first, int64_t n,
                       const float* logits) {
  const int64_t vocab = config_.vocab;
  const int64_t scored = std::max<int64_t>(0, std::min(n, step.end - 1 - step.first - first));
  std::vector<PositionDivergence> positions(static_cast<size_t>(scored));
  const auto reference_row = [&](int64_t i) { return logits_.data() + (first + i) * vocab; };
  for_rows(scored, [&](int64_t i) {
    const int32_t next = step.text.ids[size_t(step.first + first + i + 1)];
    positions[size_t(i)] = compare_rows(reference_row(i), logits + i * vocab, vocab, next);
  });
  for (int64_t i = 0; i < scored; ++i) {
    // A token's document is that of what it predicts.
    const int64_t document = step.text.document[size_t(step.first + first + i + 1)];
    contestant.score.divergence->add(positions[size_t(i)],
                                     step.text.by_document() ? document : step.cluster);
    contestant.score.logits.add(reference_row(i), logits + i * vocab, vocab);
  }
}

}  // namespace qwench::bench
