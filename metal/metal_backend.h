// The only header of the Metal backend that others include. No Metal type appears in it.
#pragma once

namespace qwench::metal {

/// Why there is no Metal backend here, for `qwench doctor` and for error messages; null when there is.
const char* metal_unavailable();

}  // namespace qwench::metal
