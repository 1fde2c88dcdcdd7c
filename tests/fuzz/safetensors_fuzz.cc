// libFuzzer target: any bytes as a safetensors file. Only Error may come out; whatever is accepted
// must hold the promises that readers build on.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "engine/checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  // Two bytes say how much data follows the header, so that headers can be mutated freely.
  const int64_t data_bytes = data[0] | data[1] << 8;
  const std::string_view header(reinterpret_cast<const char*>(data) + 2, size - 2);
  try {
    for (const qwench::StoredTensor& t :
         qwench::parse_safetensors_header(header, data_bytes, "fuzz")) {
      QWENCH_CHECK(0 <= t.begin && t.begin <= t.end && t.end <= data_bytes);
      try {
        const qwench::TensorInfo info = t.info("fuzz");
        QWENCH_CHECK(info.bytes() == t.end - t.begin);
      } catch (const qwench::Error&) {  // a type that cannot be computed with
      }
    }
  } catch (const qwench::Error&) {
  }
  return 0;
}
