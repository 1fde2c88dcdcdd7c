// What a loaded model holds: the type of every matrix, and as many bytes as were planned.
#include <doctest/doctest.h>

#include "tests/support/quantized_folders.h"

using namespace qwench;
using namespace qwench::test;

TEST_CASE("4-bit layers keep embedding and head in 8 bits, tied or not") {
  for (const char* folder : {"text/qwen3-tied-bf16", "text/qwen3-untied-f32"})
    for (const DType dtype : {DType::kQ4_0, DType::kQ4G, DType::kQ8_0, DType::kF16}) {
      CAPTURE(folder);
      CAPTURE(name_of(dtype));
      const TestModel m(data_folder(folder), "", 1, held_as(dtype));
      const Weights& w = m.model.weights;
      const DType table = is_quantized(dtype) ? DType::kQ8_0 : dtype;
      CHECK(w.layers[0].w_down.view.dtype == dtype);
      CHECK(w.embedding.view.dtype == table);
      CHECK(w.head_view(m.model.config.tied_embeddings).dtype == table);
    }
}

TEST_CASE("weights take the bytes that were planned, as stored and as asked for") {
  std::vector<std::string> folders = quantized_folders();
  folders.push_back(data_folder("text/qwen3-untied-f32"));
  for (const std::string& folder : folders)
    for (const bool as_stored : {true, false}) {
      CAPTURE(folder);
      LoadOptions load = held_as(DType::kQ8_0);
      load.as_stored = as_stored;
      const TestModel m(folder, "reference", 1, load);
      const int64_t held = m.backend->memory().now[size_t(MemoryKind::kWeights)];
      const int64_t planned = weight_bytes(*m.checkpoint, load);
      const int64_t rounding = 64 * int64_t(m.checkpoint->tensors().size());
      CHECK(held >= planned);
      CHECK(held <= planned + rounding);
    }
}
