// Positions go into the file in the order of the text, scored ones only: row i of the file is the
// i-th scored token.
#include "bench/accuracy/stored_reference.h"

#include <functional>

#include "bench/accuracy/reference_file.h"
#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "bench/support/program.h"

namespace qwench::bench {

namespace {

/// Logits [vocab] of a scored position, the index of the id that it predicts, and its window.
using OnScored = std::function<void(const float* logits, int64_t next, const Window& window)>;

/// Runs every window until Ctrl-C; returns how many were finished.
int64_t run_text(const ConfiguredModel& model, const ScoredText& text, const OnScored& on_scored) {
  Session session(model.loaded().model, model.session_options());
  const int64_t vocab = model.config().vocab;
  Progress progress;
  int64_t done = 0;
  for (const Window& window : text.windows) {
    if (interrupted()) break;
    progress.show(fmt::format("{}: window {}/{}", model.name(), done + 1, text.windows.size()));
    const Session::OnLogits on_logits = [&](int64_t first, int64_t n, const float* logits) {
      for (int64_t i = 0; i < n && first + i + 1 < window.count; ++i)
        on_scored(logits + i * vocab, window.first + first + i + 1, window);
    };
    session.truncate(0, 0);
    if (!finished(
            [&] { session.prefill(0, text.ids.data() + window.first, window.count, &on_logits); }))
      break;
    ++done;
  }
  return done;
}

/// The reference's own figures, from the exact log-probabilities that the file holds.
ReferenceScore score_of(ReferenceReader& reader) {
  ReferenceScore score;
  for (int64_t i = 0; i < reader.meta().positions; ++i) {
    const ReferenceRow row = reader.row(i);
    if (row.next == kNoNext) continue;
    score.nll -= double(row.next_logprob);
    ++score.tokens;
  }
  return score;
}

/// What of a model's weights a file can be recognised by.
std::string weights_text(const ModelOptions& o) {
  return fmt::format("{}, seed {}", o.dtype.empty() ? "as stored" : o.dtype, o.seed);
}

CandidateResult compare_one(const ConfiguredModel& model, ReferenceReader& reader,
                            TextReport& report, uint64_t seed) {
  CandidateResult row;
  row.name = model.name();
  const int64_t vocab = model.config().vocab;
  row.score.divergence = std::make_unique<Divergence>(vocab);
  row.score.layers_note = "layers are not compared: the reference is a file of distributions";
  int64_t i = 0;
  const int64_t start = now_ns();
  try {
    report.n_windows_run =
        run_text(model, report.text, [&](const float* logits, int64_t next, const Window& window) {
          const int64_t cluster =
              report.text.by_document() ? report.text.document[size_t(next)] : window.first;
          row.score.divergence->add(compare_to_row(reader.row(i++), logits, vocab), cluster);
        });
  } catch (const NonfiniteError& error) {
    row.score.failure = error.what();
  }
  row.score.seconds = double(now_ns() - start) * 1e-9;
  BootstrapOptions bootstrap;
  bootstrap.seed = seed;
  if (row.score.divergence->count()) row.divergence = row.score.divergence->summary(bootstrap);
  row.description = model.to_json();
  const ModelOptions& o = model.configuration().model;
  row.judged_as = judged_as(model.precision(), reader.meta().model == model_name(o.model) &&
                                                   reader.meta().weights == weights_text(o));
  row.stability = model.stability();
  return row;
}

}  // namespace

void dump_reference(const ConfiguredModel& model, const ScoredText& text,
                    const StoredReferenceArgs& args) {
  const InterruptGuard guard;
  ReferenceMeta meta;
  meta.model = model_name(model.configuration().model.model);
  meta.configuration = without_home(model.configuration().text);
  meta.weights = weights_text(model.configuration().model);
  meta.vocab = model.config().vocab, meta.window = args.window;
  meta.n_tokens = int64_t(text.ids.size()), meta.positions = text.n_scored;
  meta.token_hash = hash_tokens(text.ids);
  ReferenceWriter writer(args.file, meta);
  run_text(model, text, [&](const float* logits, int64_t next, const Window&) {
    writer.add(logits, text.ids[size_t(next)]);
  });
  if (interrupted()) {
    note(fmt::format("--dump: interrupted before the text was done; {} is not written", args.file));
    throw Cancelled();
  }
  writer.close();
}

TextReport compare_against(std::vector<OpenedModel> candidates, ScoredText text,
                           const StoredReferenceArgs& args) {
  const InterruptGuard guard;
  ReferenceReader reader(args.file);
  TextReport report;
  report.text = std::move(text);
  report.window = report.text.windows.front().count;
  report.kld_is_lower_bound = reader.k() < reader.meta().vocab;
  report.reference_name = "file";
  report.reference_description = {{"configuration", reader.meta().configuration},
                                  {"model", reader.meta().model},
                                  {"file", model_name(args.file)}};
  for (OpenedModel& opened : candidates) {
    reader.require_same_text(report.text.ids, args.window, opened.checkpoint->config().vocab);
    if (interrupted()) break;
    const ConfiguredModel model(std::move(opened));
    report.rows.push_back(compare_one(model, reader, report, args.seed));
  }
  report.reference = score_of(reader);
  report.interrupted = interrupted();
  return report;
}

}  // namespace qwench::bench
