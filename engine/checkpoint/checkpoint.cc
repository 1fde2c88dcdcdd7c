// What the kinds of checkpoints share.
#include "engine/checkpoint/checkpoint.h"

#include <algorithm>
#include <map>

#include "engine/base/check.h"
#include "engine/checkpoint/random.h"

namespace qwench {

const std::vector<std::string>& Checkpoint::notes() const {
  static const std::vector<std::string> kNone;
  return kNone;
}

const TensorInfo* find_tensor(const std::vector<TensorInfo>& sorted, std::string_view name) {
  const auto found =
      std::lower_bound(sorted.begin(), sorted.end(), name,
                       [](const TensorInfo& t, std::string_view n) { return t.name < n; });
  return found != sorted.end() && found->name == name ? &*found : nullptr;
}

const TensorInfo& require_tensor(const Checkpoint& checkpoint, const std::string& name,
                                 const Shape& shape) {
  const TensorInfo* info = checkpoint.find(name);
  if (!info)
    fail("tensor {}: missing (in {}); the checkpoint is incomplete or of another architecture{}",
         name, checkpoint.path(),
         name == "lm_head.weight"
             ? ", or its embeddings are the head: then tie_word_embeddings is to be true"
             : "");
  if (info->shape != shape)
    fail("tensor {}: expected shape {}, got {} (in {})", name, to_string(shape),
         to_string(info->shape), checkpoint.path());
  return *info;
}

void check_complete(const Checkpoint& checkpoint) {
  for (const TensorInfo& tensor : expected_tensors(checkpoint.config(), DType::kF32))
    require_tensor(checkpoint, tensor.name, tensor.shape);
}

DType main_dtype(const std::vector<TensorInfo>& tensors) {
  std::map<DType, int64_t> counts;
  for (const TensorInfo& t : tensors)
    if (t.shape.rank == 2 && t.name.rfind("model.layers.", 0) == 0)
      counts[t.dtype] += t.shape.count();
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? DType::kF32 : most->first;
}

}  // namespace qwench
