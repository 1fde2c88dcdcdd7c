// Everything is opened and checked first; the weights are read when nothing can be wrong any more.
#include "bench/accuracy/text_run.h"

#include <algorithm>
#include <filesystem>

#include "bench/accuracy/stored_reference.h"
#include "bench/accuracy/text_section.h"
#include "bench/model/generate.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "engine/base/checked.h"

namespace qwench::bench {

namespace {

using Models = std::vector<std::unique_ptr<ConfiguredModel>>;

std::string text_file(const Plan& plan) {
  if (plan.options.text) return *plan.options.text;
  const std::string file = model_source(plan.reference().model.model) + "/heldout.txt";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored))
    fail_usage("--text: expected a text to compare over, and {} is not there; give --text FILE",
               file);
  return file;
}

/// The text as ids of the reference's tokenizer, and what must be known of the reference.
struct OpenedText {
  ScoredText text;
  int64_t emit_limit = 0;  // only ids below may be generated
  ModelConfig config;
};

OpenedText open_scored_text(const Plan& plan) {
  const ModelOptions& model = plan.reference().model;
  const std::unique_ptr<Checkpoint> checkpoint = open_model(model);
  const ModelConfig& config = checkpoint->config();
  const TextModel text = open_text(model, *checkpoint, {});
  const std::string file = text_file(plan);
  if (!text.tokenizer)
    fail_usage("--text: expected a tokenizer in {} to read {} with, found none", model.model, file);
  const ScoredTextArgs args{plan.options.window, plan.options.max_tokens, config.vocab};
  OpenedText opened{read_scored_text(file, *text.tokenizer, args), text.emit_limit, config};
  const std::string warning = position_note(config, opened.text.windows.front().count);
  if (!warning.empty()) note(warning);
  return opened;
}

/// Another checkpoint must read the text as the same ids, or the figures compare nothing.
void require_same_ids(const Plan& plan, const Configuration& other, const ScoredText& text) {
  if (other.model.model == plan.reference().model.model) return;
  const std::unique_ptr<Tokenizer> tokenizer = open_tokenizer(other.model.model);
  if (!tokenizer) return;
  const ScoredTextArgs args{plan.options.window, plan.options.max_tokens, INT32_MAX};
  const ScoredText theirs = read_scored_text(text.path, *tokenizer, args);
  const auto differ =
      std::mismatch(text.ids.begin(), text.ids.end(), theirs.ids.begin(), theirs.ids.end());
  if (differ.first == text.ids.end() && differ.second == theirs.ids.end()) return;
  fail("{}: expected a tokenizer that gives the reference's ids, got others from id {} on ({})",
       other.name, differ.first - text.ids.begin(), other.model.model);
}

OpenedModel open_for_text(const Plan& plan, const Configuration& configuration,
                          const OpenedText& source) {
  const int64_t window = source.text.windows.front().count;
  OpenedModel opened =
      open_configured(configuration, window, Lockstep::rows_per_step(source.config, window));
  require_same_vocabulary(configuration, opened.checkpoint->config(), source.config);
  require_same_ids(plan, configuration, source.text);
  return opened;
}

/// The reference with another number of threads: one more where one less would halve its speed.
Configuration floor_of(const OpenedModel& reference) {
  Configuration floor = reference.configuration;
  const int threads = reference.backend->threads();
  floor.text = "floor" + floor.text.substr(floor.name.size());
  floor.name = "floor";
  floor.model.threads = threads > 2 ? threads - 1 : threads + 1;
  return floor;
}

/// The reference kernels on a candidate's own weights, without whatever else is done to it.
Configuration same_weights_of(const Configuration& candidate) {
  Configuration own;
  own.name = candidate.name + " undamaged";
  own.model = candidate.model;
  own.model.kv_dtype = std::string(name_of(kv_type(candidate.model).dtype));
  own.model.kernels = {"reference"}, own.model.plugins.clear();
  own.text = own.name + ":the weights of " + candidate.name + ",kernel=reference";
  return own;
}

/// Whether the limits for a candidate are so wide, because its weights are coarser than the reference's, that damage
/// would pass for the loss of its type; and there is something that could damage it.
bool needs_same_weights(const OpenedModel& candidate, const OpenedModel& reference) {
  const ModelOptions& o = candidate.configuration.model;
  const bool wide =
      judged_as(precision_of(*candidate.checkpoint, o),
                same_weights(o, reference.configuration.model)) == WeightPrecision::kBelow8Bit;
  const bool plain = o.kernels == std::vector<std::string>{"reference"} &&
                     candidate.configuration.inject.layer < 0;
  return wide && !plain;
}

/// What the text section needs: models, and for each the one with its weights (0: none).
struct Loaded {
  Models models;
  std::vector<size_t> same_weights;
};

/// Opens a model for every kind of weights that needs one; candidates of the same weights share it.
void open_same_weights(const Plan& plan, const OpenedText& source, std::vector<OpenedModel>& opened,
                       Loaded& to) {
  const size_t n = opened.size();
  to.same_weights.assign(n, 0);
  for (size_t i = 1; i < n; ++i) {
    if (!needs_same_weights(opened[i], opened[0])) continue;
    const Configuration& candidate = opened[i].configuration;
    for (size_t k = n; k < opened.size() && !to.same_weights[i]; ++k)
      if (same_weights(opened[k].configuration.model, candidate.model) &&
          opened[k].configuration.model.kv_dtype == candidate.model.kv_dtype)
        to.same_weights[i] = k;
    if (to.same_weights[i]) continue;
    to.same_weights[i] = opened.size();
    note(
        fmt::format("{}: weights below 8 bits: the reference kernels run on them too, to tell "
                    "damage from the loss of the type (--no-same-weights leaves that out)",
                    candidate.name));
    opened.push_back(open_for_text(plan, same_weights_of(candidate), source));
  }
}

/// Reference, floor, candidates and their weights: all opened, known to fit, then loaded.
Loaded load_all(const Plan& plan, const OpenedText& source) {
  std::vector<OpenedModel> opened;
  opened.push_back(open_for_text(plan, plan.reference(), source));
  if (!plan.options.no_floor)
    opened.push_back(open_for_text(plan, floor_of(opened.front()), source));
  for (size_t i = 1; i < plan.configurations.size(); ++i)
    opened.push_back(open_for_text(plan, plan.configurations[i], source));
  const size_t with_rows = opened.size();
  Loaded loaded;
  if (!plan.options.no_same_weights) open_same_weights(plan, source, opened, loaded);
  const int64_t rows = Lockstep::rows_per_step(source.config, source.text.windows.front().count);
  const int64_t kept = checked_mul(Lockstep::bytes(source.config, rows),
                                   1 + int64_t(opened.size() - with_rows), "rows to compare");
  require_memory_together(opened, kept, opened.front().backend->available_bytes());
  for (OpenedModel& model : opened)
    loaded.models.push_back(std::make_unique<ConfiguredModel>(std::move(model)));
  return loaded;
}

/// What was left out is said where the verdict stands.
void note_left_out(TextReport& report, const char* why) {
  for (CandidateResult& row : report.rows)
    if (row.judged_as == WeightPrecision::kBelow8Bit && !row.same_weights)
      row.same_weights_note =
          fmt::format("damage within the loss of weights below 8 bits is not told apart: {}", why);
}

void report_text(const TextReport& report, const Plan& plan, Findings& findings) {
  findings.document.update(to_json(report, plan.tolerances));
  findings.add(to_string(report, plan.tolerances), report.pass(plan.tolerances));
}

}  // namespace

Models run_text(const Plan& plan, Findings& findings) {
  const AccuracyOptions& o = plan.options;
  OpenedText opened = open_scored_text(plan);
  const StoredReferenceArgs stored{o.dump.empty() ? o.against : o.dump, o.window, o.model.seed};
  if (!o.dump.empty()) {
    const ConfiguredModel model(open_for_text(plan, plan.reference(), opened));
    dump_reference(model, opened.text, stored);
    findings.document["dump"] = {{"file", model_name(o.dump)}, {"positions", opened.text.n_scored}};
    findings.add(fmt::format("{}: {} positions of {} written to {}\n", plan.reference().name,
                             opened.text.n_scored, opened.text.path, o.dump),
                 true);
    return {};
  }
  if (!o.against.empty()) {
    std::vector<OpenedModel> candidates;
    for (size_t i = 1; i < plan.configurations.size(); ++i)
      candidates.push_back(open_for_text(plan, plan.configurations[i], opened));
    TextReport report = compare_against(std::move(candidates), std::move(opened.text), stored);
    note_left_out(report,
                  "the reference is a file of other weights; --dump one of these weights with "
                  "kernel=reference, and compare with that too");
    report_text(report, plan, findings);
    return {};
  }
  Loaded loaded = load_all(plan, opened);
  const TextSectionArgs args{o.generate, o.prompts, opened.emit_limit, o.model.seed,
                             loaded.same_weights};
  TextReport report = compare_over_text(loaded.models, !o.no_floor, std::move(opened.text), args);
  if (o.no_same_weights) note_left_out(report, "--no-same-weights");
  report_text(report, plan, findings);
  const size_t with_rows = plan.configurations.size() + (o.no_floor ? 0 : 1);
  loaded.models.resize(with_rows);  // those of the same weights have no other use
  return std::move(loaded.models);
}

}  // namespace qwench::bench
