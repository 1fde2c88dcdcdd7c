// Lookups are linear: there are a dozen tensors in a layer.
#include "engine/calibrate/encoded_tensors.h"

#include <cstring>

#include "engine/base/check.h"
#include "engine/checkpoint/random.h"

namespace qwench {

namespace {

constexpr std::string_view kFirstLayer = "model.layers.0.";

const TensorInfo* find_in(const std::vector<TensorInfo>& infos, std::string_view name) {
  for (const TensorInfo& info : infos)
    if (info.name == name) return &info;
  return nullptr;
}

}  // namespace

EncodedTensors::EncodedTensors(const ModelConfig& config, const std::vector<EncodedTensor>& tensors,
                               std::string path)
    : config_(config), tensors_(tensors), path_(std::move(path)) {
  for (const EncodedTensor& t : tensors) infos_.push_back(t.info);
}

const TensorInfo* EncodedTensors::find(std::string_view name) const {
  return find_in(infos_, name);
}

void EncodedTensors::read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const {
  QWENCH_CHECK(first >= 0 && count >= 0 && first <= tensor.shape.count() - count);
  for (const EncodedTensor& t : tensors_) {
    if (t.info.name != tensor.name) continue;
    const int64_t cols = tensor.cols(), bytes = row_bytes(tensor.dtype, cols);
    const bool rows = is_quantized(tensor.dtype);
    const int64_t begin = rows ? first / cols * bytes : first * size_of(tensor.dtype);
    const int64_t size = rows ? count / cols * bytes : count * size_of(tensor.dtype);
    std::memcpy(to, t.bytes.data() + begin, size_t(size));
    return;
  }
  QWENCH_CHECK(false && "a tensor of another checkpoint");
}

SingleLayer::SingleLayer(const Checkpoint& whole, int64_t layer)
    : whole_(whole), layer_(layer), config_(whole.config()) {
  config_.n_layers = 1;
  config_.vocab = 1;
  config_.tied_embeddings = true;
  for (TensorInfo& expected : expected_tensors(config_, DType::kF32)) {
    const TensorInfo* source = source_of(expected.name);
    if (source) {
      expected.dtype = source->dtype;
      expected.shape = source->shape;
    }
    infos_.push_back(std::move(expected));
  }
}

/// Null for what a single layer has only to be a model: the embedding and the last norm.
const TensorInfo* SingleLayer::source_of(const std::string& name) const {
  if (name.compare(0, kFirstLayer.size(), kFirstLayer) != 0) return nullptr;
  const std::string own =
      fmt::format("model.layers.{}.{}", layer_, name.substr(kFirstLayer.size()));
  const TensorInfo* found = whole_.find(own);
  if (!found) fail("tensor {}: missing (in {})", own, whole_.path());
  return found;
}

const TensorInfo* SingleLayer::find(std::string_view name) const { return find_in(infos_, name); }

void SingleLayer::read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const {
  if (const TensorInfo* source = source_of(tensor.name))
    return whole_.read(*source, first, count, to);
  std::memset(to, 0, size_t(count * size_of(tensor.dtype)));
}

}  // namespace qwench
