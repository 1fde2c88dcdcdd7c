// Loading is done; here the text goes through all models at once, then each continues the prompts.
#include "bench/accuracy/text_section.h"

#include <algorithm>

#include "bench/support/interrupt.h"
#include "bench/support/output.h"

namespace qwench::bench {

namespace {

using Models = std::vector<std::unique_ptr<ConfiguredModel>>;

/// Runs the windows; returns how many were finished.
int64_t run_windows(Lockstep& lockstep, const ScoredText& text) {
  Progress progress;
  const int64_t start = now_ns();
  int64_t done = 0;
  for (const Window& window : text.windows) {
    if (interrupted()) break;
    progress.show(fmt::format("window {}/{}, {} of {} tokens", done + 1, text.windows.size(),
                              window.first, text.ids.size()));
    lockstep.run(text, window);
    ++done;
  }
  progress.done(fmt::format("{} of {} windows in {:.1f} s", done, text.windows.size(),
                            double(now_ns() - start) * 1e-9));
  return done;
}

CandidateResult result_of(const ConfiguredModel& model, CandidateScore score, uint64_t seed) {
  CandidateResult result;
  result.name = model.name();
  result.description = model.to_json();
  result.score = std::move(score);
  BootstrapOptions bootstrap;
  bootstrap.seed = seed;
  if (result.score.divergence->count() > 0)
    result.divergence = result.score.divergence->summary(bootstrap);
  return result;
}

/// The model with the same weights as models[i]; null where none is needed.
const ConfiguredModel* same_weights_of(const Models& models, const TextSectionArgs& args,
                                       size_t i) {
  const size_t at = i < args.same_weights.size() ? args.same_weights[i] : 0;
  return at ? models[at].get() : nullptr;
}

/// Models with a row: those that are no other's same weights.
size_t count_rows(const Models& models, const TextSectionArgs& args) {
  size_t end = models.size();
  for (const size_t at : args.same_weights)
    if (at) end = std::min(end, at);
  return end - 1;
}

/// Continues the documents' beginnings with every model that is still sound.
void compare_generations(const Models& models, TextReport& report, const TextSectionArgs& args) {
  const auto prompts = document_prefixes(report.text, args.n_prompts);
  if (args.n_generated == 0 || prompts.empty() || interrupted()) return;
  const std::vector<Continuation> reference =
      continue_all(*models[0], prompts, args.n_generated, args.emit_limit);
  for (size_t i = 1; i <= report.rows.size() && !interrupted(); ++i) {
    CandidateResult& row = report.rows[i - 1];
    if (!row.score.failure.empty()) continue;
    try {
      row.generation = compare_continuations(
          reference,
          continue_all(*models[i], prompts, args.n_generated, args.emit_limit, &reference));
    } catch (const NonfiniteError& error) {
      row.score.failure = error.what();
    }
  }
}

/// Everything that needs the models side by side.
void compare_windows(const Models& models, TextReport& report, const TextSectionArgs& args) {
  std::vector<LockstepCandidate> candidates;
  for (size_t i = 1; i <= count_rows(models, args); ++i)
    candidates.push_back({models[i].get(), same_weights_of(models, args, i)});
  const int64_t rows = Lockstep::rows_per_step(models[0]->config(), report.window);
  Lockstep lockstep(*models[0], candidates, rows);
  report.n_windows_run = run_windows(lockstep, report.text);
  report.reference = lockstep.reference();
  for (size_t i = 0; i < candidates.size(); ++i) {
    const ConfiguredModel& model = *candidates[i].model;
    CandidateResult row = result_of(model, std::move(lockstep.score(i)), args.seed);
    row.judged_as = judged_as(model.precision(), same_weights(model.configuration().model,
                                                              models[0]->configuration().model));
    if (CandidateScore* own = lockstep.same_weights_score(i)) {
      row.same_weights = std::make_unique<CandidateResult>(
          result_of(*candidates[i].same_weights, std::move(*own), args.seed));
      row.same_weights->judged_as = judged_as(model.precision(), true);
    } else if (lockstep.same_weights_failed(i)) {
      row.same_weights_note =
          "reference kernels make NaN or Inf of its weights too: the weights are damaged";
    }
    report.rows.push_back(std::move(row));
  }
}

}  // namespace

bool TextReport::pass(const Tolerances& tolerances) const {
  return std::all_of(rows.begin(), rows.end(),
                     [&](const CandidateResult& row) { return all_pass(tolerances.judge(row)); });
}

std::string TextReport::scope(const CandidateResult& row) const {
  constexpr int64_t kFew = 300;  // an effect on 1 token in 100 is missed by fewer once in 20 times
  const int64_t n = row.divergence ? row.divergence->scored : 0;
  const bool cut = interrupted && n < text.n_scored;
  return fmt::format("{}{} token{}{}{}", n, cut ? fmt::format(" of {}", text.n_scored) : "",
                     n == 1 && !cut ? "" : "s", cut ? " (interrupted)" : "",
                     n < kFew ? ", too few to see what happens to 1 in 100" : "");
}

TextReport compare_over_text(const Models& models, bool with_floor, ScoredText text,
                             const TextSectionArgs& args) {
  const InterruptGuard guard;
  TextReport report;
  report.text = std::move(text);
  report.window = report.text.windows.front().count;
  report.with_floor = with_floor;
  report.reference_name = models[0]->name();
  compare_windows(models, report, args);
  report.reference_description = models[0]->to_json();  // with the memory that the windows took
  finished([&] { compare_generations(models, report, args); });
  report.reference_stability = models[0]->stability();
  for (size_t i = 0; i < report.rows.size(); ++i)
    report.rows[i].stability = models[i + 1]->stability();
  report.interrupted = interrupted();
  return report;
}

}  // namespace qwench::bench
