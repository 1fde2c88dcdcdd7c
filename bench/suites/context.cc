// What suites share: one checkpoint, one model, one measurement of the machine.
#include "bench/machine/ceilings.h"
#include "bench/machine/host.h"
#include "bench/suites/suite.h"

namespace qwench::bench {

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPass: return "pass";
    case Outcome::kFail: return "fail";
    case Outcome::kUnreachable: return "unreachable here";
    case Outcome::kNotApplicable: return "not applicable";
    case Outcome::kUnknown: return "unknown";
  }
  return "unknown";
}

SuiteContext::SuiteContext(const SuiteOptions& options) : options_(options) {}
SuiteContext::~SuiteContext() = default;

const Checkpoint& SuiteContext::checkpoint() {
  if (!checkpoint_) checkpoint_ = open_model(options_.model);
  return *checkpoint_;
}

LoadedModel& SuiteContext::model(int64_t n_seq, int64_t capacity) {
  const Checkpoint& from = checkpoint();
  const SessionOptions session = session_options(options_.model, n_seq, capacity);
  if (model_) {
    require_memory(from.config(), 0, session, model_->backend->available_bytes());
    return *model_;
  }
  std::unique_ptr<Backend> backend = make_backend(options_.model, threads());
  model_ =
      std::make_unique<LoadedModel>(load_model(options_.model, from, std::move(backend), session));
  return *model_;
}

const TextModel& SuiteContext::text() {
  if (!text_) {
    SamplingOptions sampling;
    sampling.greedy = sampling.ignore_eos = true;
    text_ = open_text(options_.model, checkpoint(), sampling);
  }
  return *text_;
}

int SuiteContext::threads() const {
  if (model_) return model_->backend->threads();
  return threads_or_default(options_.model.threads);
}

const Ceilings& SuiteContext::roofline() {
  if (!roofline_) {
    progress_.show("measuring bandwidth and peak");
    const double seconds = options_.quick ? 0.3 : 1.0;
    roofline_ = model_ ? model_->backend->probes()->ceilings(seconds)
                       : measure_ceilings(options_.model, threads(), seconds);
  }
  return *roofline_;
}

bool Suite::has_type(std::string_view type) const {
  if (type == "all") return true;
  for (size_t at = 0; at <= types.size();) {
    const size_t comma = std::min(types.find(',', at), types.size());
    if (types.substr(at, comma - at) == type) return true;
    at = comma + 1;
  }
  return false;
}

}  // namespace qwench::bench
