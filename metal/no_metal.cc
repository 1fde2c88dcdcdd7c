// Stands in for the Metal backend in a build without it.
#include "metal/metal_backend.h"

namespace qwench::metal {

const char* metal_unavailable() { return "not built: this version of qwench has no Metal kernels"; }

}  // namespace qwench::metal
