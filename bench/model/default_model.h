// The small trained model that ships: what the commands run that are tried out without a model.
#pragma once
#include <string>

#include "bench/model/model_options.h"

namespace qwench::bench {

/// Folder of the model `qwench-tiny`: in $QWENCH_MODELS where that is set, else in ./models, the
/// source tree that this program was built from, or the folder that `install` fills; "" when it is
/// in none.
std::string default_model_folder();

/// Sets the model where -m was not given, and says so on stderr. UsageError when there is no default
/// model either.
void use_default_model(ModelOptions& options);

}  // namespace qwench::bench
