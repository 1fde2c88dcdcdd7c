// The sizes at which ops are asked about and timed, and what reports say of them. All of it follows from the
// fields of an op (engine/ops/fields.h).
#pragma once
#include <optional>
#include <string>

#include "bench/model/model_options.h"
#include "engine/backend/backend.h"
#include "engine/ops/example.h"

namespace qwench::bench {

/// Of the model as the options hold it. dtype: that of most of its matrices.
OpSizes sizes_of(const ModelOptions& options, const Checkpoint& checkpoint);

/// Rows and columns of all matrices of the op together, [out, in]; nothing for an op without weights.
struct MatrixSize {
  int64_t out = 0, in = 0;
};
std::optional<MatrixSize> matrix_of(OpId op, const OpSizes& sizes);
/// True for ops whose sizes depend on the heads of queries, keys or values.
bool has_heads(OpId op);
/// "4864x896", "14 heads of 64 on 2, 512 before", "896": what the figures of the op depend on besides the
/// tokens.
std::string shape_text(OpId op, const OpSizes& sizes);
/// The type of what the op reads or writes besides activations: its weights, or keys and values. Nothing for
/// the others.
std::optional<DType> type_of(OpId op, const OpSizes& sizes);
/// True for ops whose weights or keys come from memory at every token.
bool streams_from_memory(OpId op);

/// Asks about shapes and types with the weight layouts that the backend's policy makes import() hold: room
/// for a few rows is made to see.
class HeldLayouts : public NoMemory {
 public:
  explicit HeldLayouts(Backend& backend) : backend_(backend) {}
  WeightView weight(int64_t out, int64_t in, DType dtype, WeightUse use) override;

 private:
  Backend& backend_;
};

}  // namespace qwench::bench
