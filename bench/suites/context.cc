// What suites share: one checkpoint, one model, one measurement of the machine.
#include "bench/suites/suite.h"

namespace qwench::bench {

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPass: return "pass";
    case Outcome::kFail: return "fail";
    case Outcome::kUnreachable: return "unreachable here";
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
  if (!model_) {
    std::unique_ptr<Backend> backend = make_backend(options_.model, options_.model.threads);
    model_ = std::make_unique<LoadedModel>(
        load_model(options_.model, from, std::move(backend), session));
  }
  return *model_;
}

const cpu::Roofline& SuiteContext::roofline() {
  if (!roofline_) {
    progress_.show("measuring bandwidth and peak");
    roofline_ = cpu::measure_roofline(int(options_.model.threads), 1.0);
  }
  return *roofline_;
}

}  // namespace qwench::bench
