// The small trained model that ships: what the commands run that are tried out without a model.
#pragma once
#include <string>

#include "bench/model/model_options.h"

namespace qwench::bench {

/// Sets the model where -m was not given, and says so on stderr. UsageError when there is no default
/// model either.
void use_default_model(ModelOptions& options);

}  // namespace qwench::bench
