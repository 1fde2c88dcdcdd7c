// Weights that drive the residual stream to where squares leave f32: the fast kernels go on as the reference.
#include <doctest/doctest.h>

#include "tests/support/test_model.h"

using namespace qwench;
using namespace qwench::test;

namespace {

/// Another checkpoint with the up projections as many times as large; f32 only.
class LargeUp final : public Checkpoint {
 public:
  LargeUp(const Checkpoint& base, float factor) : base_(base), factor_(factor) {}
  const ModelConfig& config() const override { return base_.config(); }
  const std::string& path() const override { return base_.path(); }
  const std::vector<TensorInfo>& tensors() const override { return base_.tensors(); }
  const TensorInfo* find(std::string_view name) const override { return base_.find(name); }
  void read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const override {
    base_.read(tensor, first, count, to);
    if (tensor.name.find("up_proj") == std::string::npos) return;
    for (int64_t i = 0; i < count; ++i) static_cast<float*>(to)[i] *= factor_;
  }

 private:
  const Checkpoint& base_;
  float factor_;
};

std::vector<int32_t> ids_of(const std::string& kernels, float factor) {
  TestModel m(data_folder("text/qwen2-big-k-bias-f32"), kernels);
  m.model.weights = load_weights(LargeUp(*m.checkpoint, factor), *m.backend, {});
  return greedy(m, {1, 2, 3}, 6);
}

}  // namespace

TEST_CASE("the default kernels give the reference's tokens however large the residual stream is") {
  for (const float factor : {1.0f, 1e10f, 1e20f, 1e30f}) {
    CAPTURE(factor);
    const std::vector<int32_t> expected = ids_of("reference", factor);
    CHECK(ids_of("", factor) == expected);
    CHECK(ids_of("rms_norm=reference", factor) == expected);
  }
}
