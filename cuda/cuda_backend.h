// The only header of the CUDA backend that others include. No CUDA type appears in it.
#pragma once

namespace qwench::cuda {

/// Why there is no CUDA backend here, for `qwench doctor` and for error messages; null when there is.
const char* cuda_unavailable();

}  // namespace qwench::cuda
