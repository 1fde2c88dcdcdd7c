// Rows are read as the loader reads them, so that the same weights have one hash however they are
// stored in files.
#include "bench/model/identity.h"

#include <algorithm>

#include "bench/support/file_hash.h"
#include "engine/base/checked.h"
#include "engine/base/content_hash.h"
#include "engine/checkpoint/quantized_folder.h"
#include "engine/config/config_json.h"

namespace qwench::bench {

namespace {

constexpr int64_t kMostBytes = 64 << 20;  // of all rows that are looked at
constexpr int64_t kBlockBytes = 1 << 20;  // read at once

/// Rows [first, first + n) of a tensor.
void add_rows(const Checkpoint& checkpoint, const TensorInfo& tensor, int64_t first, int64_t n,
              std::vector<char>& block, ContentHash& hash) {
  const int64_t bytes = n * row_bytes(tensor.dtype, tensor.cols());
  block.resize(size_t(bytes));
  checkpoint.read(tensor, first * tensor.cols(), n * tensor.cols(), block.data());
  hash.add(block.data(), bytes);
}

/// Every `step`-th row, the last one always; all of them in large blocks for a step of 1.
void add_tensor(const Checkpoint& checkpoint, const TensorInfo& tensor, int64_t step,
                ContentHash& hash) {
  hash.add(tensor.name.data(), int64_t(tensor.name.size()));
  hash.add(uint64_t(tensor.dtype));
  for (int i = 0; i < tensor.shape.rank; ++i) hash.add(uint64_t(tensor.shape[i]));
  const int64_t rows = tensor.rows();
  if (rows == 0) return;
  const int64_t at_once =
      step > 1 ? 1
               : std::max<int64_t>(1, kBlockBytes / std::max<int64_t>(1, tensor.bytes() / rows));
  std::vector<char> block;
  for (int64_t row = 0; row < rows; row += std::max(step, at_once))
    add_rows(checkpoint, tensor, row, std::min(at_once, rows - row), block, hash);
  if (step > 1) add_rows(checkpoint, tensor, rows - 1, 1, block, hash);
}

}  // namespace

std::string checkpoint_hash(const Checkpoint& checkpoint) {
  int64_t bytes = 0;
  for (const TensorInfo& tensor : checkpoint.tensors())
    bytes = checked_add(bytes, tensor.bytes(), "checkpoint");
  const int64_t step = std::max<int64_t>(1, ceil_div(bytes, kMostBytes));
  ContentHash hash;
  const std::string config = config_json_of(checkpoint.config()).dump();
  hash.add(config.data(), int64_t(config.size()));
  for (const TensorInfo& tensor : checkpoint.tensors()) add_tensor(checkpoint, tensor, step, hash);
  return fmt::format("{:016x}", hash.value());
}

OrderedJson identity_json(const ModelOptions& options, const Checkpoint& checkpoint) {
  OrderedJson plugins = OrderedJson::array();
  for (const std::string& path : options.plugins) plugins.push_back(file_hash(path));
  return {{"checkpoint_hash", checkpoint_hash(checkpoint)}, {"plugin_hashes", plugins}};
}

}  // namespace qwench::bench
