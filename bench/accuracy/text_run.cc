// Everything is opened and checked first; the weights are read when nothing can be wrong any more.
#include "bench/accuracy/text_run.h"

#include <algorithm>
#include <filesystem>

#include "bench/accuracy/stored_reference.h"
#include "bench/accuracy/text_section.h"
#include "bench/generate.h"
#include "bench/support/environment.h"
#include "bench/support/output.h"
#include "cpu/cpu_info.h"

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

/// Reference, floor and candidates: all opened, known to fit, then loaded.
Models load_all(const Plan& plan, const OpenedText& source) {
  std::vector<OpenedModel> opened;
  opened.push_back(open_for_text(plan, plan.reference(), source));
  if (!plan.options.no_floor)
    opened.push_back(open_for_text(plan, floor_of(opened.front()), source));
  for (size_t i = 1; i < plan.configurations.size(); ++i)
    opened.push_back(open_for_text(plan, plan.configurations[i], source));
  const int64_t rows = Lockstep::rows_per_step(source.config, source.text.windows.front().count);
  require_memory_together(opened, Lockstep::bytes(source.config, rows),
                          cpu::available_memory_bytes());
  Models models;
  for (OpenedModel& model : opened)
    models.push_back(std::make_unique<ConfiguredModel>(std::move(model)));
  return models;
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
    report_text(compare_against(std::move(candidates), std::move(opened.text), stored), plan,
                findings);
    return {};
  }
  Models models = load_all(plan, opened);
  const TextSectionArgs args{o.generate, o.prompts, opened.emit_limit, o.model.seed};
  report_text(compare_over_text(models, !o.no_floor, std::move(opened.text), args), plan, findings);
  return models;
}

}  // namespace qwench::bench
