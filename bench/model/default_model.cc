// The model's name is fixed; where it lies is a matter of model_places().
#include "bench/model/default_model.h"

#include "bench/support/output.h"
#include "engine/checkpoint/model_places.h"

namespace qwench::bench {

namespace {
constexpr const char* kDefaultModel = "qwench-tiny";
}  // namespace

void use_default_model(ModelOptions& options) {
  if (!options.model.empty()) return;
  options.model = model_in_places(kDefaultModel);
  if (options.model.empty())
    fail_usage(
        "-m: expected a model folder or a shape card such as qwen2.5-0.5b, got nothing, and the "
        "default model {} is not in {}; give -m, or set QWENCH_MODELS to the folder that holds it",
        kDefaultModel, fmt::join(model_places(), ", "));
  note(fmt::format("no -m: using {}", options.model));
}

}  // namespace qwench::bench
