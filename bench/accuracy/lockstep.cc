// Rows are compared on several threads and added in order: the sums do not depend on the threads.
#include "bench/accuracy/lockstep.h"

#include <algorithm>
#include <cmath>

#include "bench/machine/host.h"
#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "engine/base/checked.h"
#include "engine/base/threads.h"

namespace qwench::bench {

namespace {

constexpr int64_t kStepBytes = int64_t(64) << 20;

/// Calls f(i) for i in [0, n) on all cores.
template <class F>
void for_rows(int64_t n, const F& f) {
  const int64_t parts = std::min<int64_t>(n, host().physical_cores);
  const auto part = [&](int64_t p) {
    for (int64_t i = p; i < n; i += parts) f(i);
  };
  Threads others;  // last: they use the above until they are joined
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

Lockstep::Reference::Reference(const ConfiguredModel& from, int64_t rows)
    : model(from),
      session(from.loaded().model, uninterrupted(from.session_options())),
      taps(from.config().n_layers, from.config().dim, rows),
      logits(size_t(rows * from.config().vocab)) {
  session.add_layer_hook(taps.keeper());
}

Lockstep::Lockstep(const ConfiguredModel& reference,
                   const std::vector<LockstepCandidate>& candidates, int64_t rows)
    : rows_(rows) {
  reference_of(reference);
  for (const LockstepCandidate& candidate : candidates) add(candidate);
}

const Lockstep::Reference& Lockstep::reference_of(const ConfiguredModel& model) {
  for (const auto& known : references_)
    if (&known->model == &model) return *known;
  return *references_.emplace_back(std::make_unique<Reference>(model, rows_));
}

void Lockstep::add(const LockstepCandidate& candidate) {
  const ConfiguredModel& model = *candidate.model;
  const ModelConfig& config = model.config();
  require_same_vocabulary(model.configuration(), config, references_.front()->model.config());
  auto contestant = std::make_unique<Contestant>();
  contestant->session =
      std::make_unique<Session>(model.loaded().model, uninterrupted(model.session_options()));
  std::vector<const Reference*> references = {references_.front().get()};
  if (candidate.same_weights) references.push_back(&reference_of(*candidate.same_weights));
  for (const Reference* reference : references) {
    Beside beside{reference, nullptr, {}};
    beside.score.divergence = std::make_unique<Divergence>(config.vocab);
    beside.score.layers_note = why_not_comparable(reference->model.config(), config);
    if (beside.score.layers_note.empty()) {
      beside.layers = std::make_unique<LayerComparison>(reference->taps);
      contestant->session->add_layer_hook(beside.layers->comparer());
    }
    contestant->beside.push_back(std::move(beside));
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
  for (auto& reference : references_) reference->session.truncate(0, 0);
  for (auto& contestant : contestants_) contestant->session->truncate(0, 0);
  const int64_t end = window.first + window.count;
  for (int64_t first = window.first; first < end && !interrupted(); first += rows_) {
    const Step step{text, window.first, first, std::min(rows_, end - first), end};
    for (auto& reference : references_)
      if (!reference->failed) run_reference(step, *reference);
    for (auto& contestant : contestants_)
      if (contestant->beside.front().score.failure.empty()) run_candidate(step, *contestant);
  }
}

void Lockstep::run_reference(const Step& step, Reference& reference) {
  const int64_t vocab = reference.model.config().vocab;
  std::vector<float>& kept = reference.logits;
  reference.taps.restart();
  const Session::OnLogits keep = [&](int64_t first, int64_t n, const float* logits) {
    std::copy(logits, logits + n * vocab, kept.begin() + first * vocab);
  };
  try {
    const Stopwatch stopwatch(reference.score.seconds);
    reference.session.prefill(0, step.text.ids.data() + step.first, step.count, &keep);
  } catch (const NonfiniteError& error) {
    if (&reference == references_.front().get())
      throw NonfiniteError(reference.model.name() + ": " + error.what());
    reference.failed = true;
    return;
  }
  if (&reference != references_.front().get()) return;  // only its own figures are shown
  const int64_t scored = std::min(step.count, step.end - 1 - step.first);
  std::vector<double> nll(size_t(std::max<int64_t>(scored, 0)));
  for_rows(int64_t(nll.size()), [&](int64_t i) {
    const float* row = kept.data() + i * vocab;
    const int32_t next = step.text.ids[size_t(step.first + i + 1)];
    nll[size_t(i)] = log_sum_exp(row, vocab) - double(row[next]);
  });
  for (double value : nll) reference.score.nll += value;
  reference.score.tokens += int64_t(nll.size());
}

void Lockstep::run_candidate(const Step& step, Contestant& contestant) {
  for (Beside& beside : contestant.beside)
    if (beside.layers) beside.layers->restart();
  CandidateScore& score = contestant.beside.front().score;
  double comparing = 0;
  const Session::OnLogits on_logits = [&](int64_t first, int64_t n, const float* logits) {
    const Stopwatch stopwatch(comparing);
    for (Beside& beside : contestant.beside)
      if (!beside.reference->failed) compare(step, beside, first, n, logits);
  };
  try {
    const Stopwatch stopwatch(score.seconds);
    contestant.session->prefill(0, step.text.ids.data() + step.first, step.count, &on_logits);
  } catch (const NonfiniteError& error) {
    score.failure = error.what();
  }
  score.seconds -= comparing;
  for (Beside& beside : contestant.beside)
    if (beside.layers) beside.score.layers = beside.layers->layers();
}

void Lockstep::compare(const Step& step, Beside& beside, int64_t first, int64_t n,
                       const float* logits) {
  const Reference& reference = *beside.reference;
  const int64_t vocab = reference.model.config().vocab;
  const int64_t scored = std::max<int64_t>(0, std::min(n, step.end - 1 - step.first - first));
  std::vector<PositionDivergence> positions(static_cast<size_t>(scored));
  const auto reference_row = [&](int64_t i) {
    return reference.logits.data() + (first + i) * vocab;
  };
  for_rows(scored, [&](int64_t i) {
    const int32_t next = step.text.ids[size_t(step.first + first + i + 1)];
    positions[size_t(i)] = compare_rows(reference_row(i), logits + i * vocab, vocab, next);
  });
  for (int64_t i = 0; i < scored; ++i) {
    // A token's document is that of what it predicts.
    const int64_t document = step.text.document[size_t(step.first + first + i + 1)];
    beside.score.divergence->add(positions[size_t(i)],
                                 step.text.by_document() ? document : step.cluster);
    beside.score.logits.add(reference_row(i), logits + i * vocab, vocab);
  }
}

}  // namespace qwench::bench
