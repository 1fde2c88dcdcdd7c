// `--kernel list`, the same for every command that takes --kernel.
#pragma once
#include "bench/model/model_options.h"

namespace qwench::bench {

/// Prints for every op its kernels, best first, what is chosen and why better ones were refused:
/// for the model of -m where one is given, else for the sizes of qwen2.5-0.5b. Returns the exit
/// code.
int print_kernel_list(const ModelOptions& options);

}  // namespace qwench::bench
