// What a result says of the weights and plug-ins it was made with, beyond their names, so that a reader
// of two results knows whether they speak of the same configuration.
#pragma once
#include <string>

#include "bench/model/model_options.h"
#include "engine/base/json.h"

namespace qwench::bench {

/// 16 hexadecimal digits that stand for a checkpoint: its sizes and constants, the names, types and
/// shapes of all tensors and what is in them. Of a checkpoint beyond 64 MiB, rows at equal distances
/// from the first to the last of every tensor stand for the rest: weights that were changed on purpose
/// differ, a single damaged row of a large file may not. Error where the files cannot be read.
std::string checkpoint_hash(const Checkpoint& checkpoint);

/// {"checkpoint_hash", "plugin_hashes" (in the order of --plugin)}.
OrderedJson identity_json(const ModelOptions& options, const Checkpoint& checkpoint);

}  // namespace qwench::bench
