// One environment variable, for installations that keep models elsewhere; nothing else is searched
// when it is set, so that it can also hide the default.
#include "bench/model/default_model.h"

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "bench/support/output.h"

namespace qwench::bench {

namespace {

constexpr const char* kDefaultModel = "qwench-tiny";

std::vector<std::string> places() {
  const char* given = std::getenv("QWENCH_MODELS");
  if (given && *given) return {given};
  return {"models", QWENCH_SOURCE_MODELS, QWENCH_INSTALLED_MODELS};
}

}  // namespace

std::string default_model_folder() {
  for (const std::string& place : places()) {
    const std::string folder = place + "/" + kDefaultModel;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(folder + "/config.json", ignored)) return folder;
  }
  return {};
}

void use_default_model(ModelOptions& options) {
  if (!options.model.empty()) return;
  options.model = default_model_folder();
  if (options.model.empty())
    fail_usage(
        "-m: expected a model folder or a shape card such as qwen2.5-0.5b, got nothing, and the "
        "default model {} is not in {}; give -m, or set QWENCH_MODELS to the folder that holds it",
        kDefaultModel, fmt::join(places(), ", "));
  note(fmt::format("no -m: using {}", options.model));
}

}  // namespace qwench::bench
