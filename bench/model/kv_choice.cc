// See kv_choice.h.
#include "bench/model/kv_choice.h"

namespace qwench::bench {

KvDType read_kv_dtype(const std::string& name) {
  if (name == "auto") return {DType::kF16, /*widen=*/true};
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16})
    if (name == name_of(dtype)) return {dtype, false};
  fail_usage("--kv-dtype: expected {}, got '{}'", kKvDTypes, name);
}

std::vector<std::string> kv_dtypes(const ModelConfig& config, KvDType type) {
  std::vector<std::string> names;
  for (const KvShape& layer : kv_shapes(config, type)) names.emplace_back(name_of(layer.k_type));
  return names;
}

}  // namespace qwench::bench
