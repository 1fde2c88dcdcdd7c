// Stands in for the CUDA backend in a build without it.
#include "cuda/cuda_backend.h"

namespace qwench::cuda {

const char* cuda_unavailable() { return "not built: this version of qwench has no CUDA kernels"; }

}  // namespace qwench::cuda
