// libFuzzer target: any bytes as config.json. Only Error may come out; whatever is accepted must
// have sizes whose products stay within 64 bits (UBSan watches the arithmetic).
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "engine/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const qwench::ModelConfig c =
        qwench::read_model_config(qwench::parse_json(text, "fuzz"), "fuzz");
    QWENCH_CHECK(c.parameters() > 0);
    QWENCH_CHECK(c.n_heads % c.n_kv_heads == 0 && c.head_dim % 2 == 0);
    QWENCH_CHECK(2 * c.n_layers * c.kv_dim() * c.max_positions * 4 > 0);
    for (const int32_t id : c.eos_ids) QWENCH_CHECK(id >= 0 && id < c.vocab);
  } catch (const qwench::Error&) {
  }
  return 0;
}
