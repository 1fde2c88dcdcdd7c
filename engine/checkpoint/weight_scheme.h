// Quantised weights in Hugging Face folders. A scheme knows what one quantiser's files mean: which
// tensors make up a module, and which matrix they stand for. Everything outside sees that matrix
// alone, in f32 (or q4_0 where that is exact), under the name that an unquantised checkpoint would
// give it.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/dtype.h"
#include "engine/base/json.h"
#include "engine/checkpoint/part.h"

namespace qwench {

/// A matrix [rows, cols] = [out, in] that the file holds packed. Thread-safe.
class PackedWeight {
 public:
  virtual ~PackedWeight() = default;
  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  /// What the file holds: "gptq int4 g128".
  const std::string& stored() const { return stored_; }
  /// The type it is handed out in: f32, or q4_0 where its blocks are the same matrix bit for bit.
  DType dtype() const { return dtype_; }
  /// Elements [first, first + count) as dtype(), whole rows where that is quantised: what decode()
  /// gives. Error naming tensor and file on a scale that is not finite.
  void read(int64_t first, int64_t count, void* to) const;
  /// Rows [first, first + n) as f32, row-major: the scheme's formula evaluated in f32. Reads only
  /// the bytes these rows need, a bounded number at a time. Errors as read().
  virtual void decode(int64_t first, int64_t n, float* to) const = 0;

 protected:
  PackedWeight(int64_t rows, int64_t cols, std::string stored)
      : rows_(rows), cols_(cols), stored_(std::move(stored)) {}
  /// The subclass has seen that every block of 32 is integers -8..7 times one f16 scale.
  void hold_as_q4_0() { dtype_ = DType::kQ4_0; }
  /// Scales of the blocks of rows [first, first + n): [n, cols / 32]. Called when dtype() is q4_0.
  virtual std::vector<float> block_scales(int64_t first, int64_t n) const;

 private:
  void read_floats(int64_t first, int64_t count, float* to) const;
  void read_q4_0(int64_t first, int64_t n, char* to) const;

  int64_t rows_, cols_;
  std::string stored_;
  DType dtype_ = DType::kF32;
};

/// The stored tensors of one module, by the end of their names: "qweight", "scales" ...
struct PackedModule {
  std::string name;    // "model.layers.0.mlp.up_proj"
  std::string folder;  // for errors
  std::map<std::string, Part, std::less<>> parts;

  /// Error naming tensor and folder when it is missing.
  const Part& required(std::string_view part) const;
  /// Null when absent.
  const Part* optional(std::string_view part) const;
};

/// The note of schemes whose files also say how to round activations.
constexpr std::string_view kActivationsNote =
    "weights are used as they are stored; activations (and keys and values) are not rounded as the "
    "configuration has it";

class WeightScheme {
 public:
  virtual ~WeightScheme() = default;
  /// "GPTQ"
  virtual std::string_view name() const = 0;
  /// What the names of a module's tensors end in. "weight" may be among them: a module that has
  /// nothing but a weight of floats is not quantised, whatever lists in the configuration say.
  virtual const std::vector<std::string_view>& part_names() const = 0;
  /// What the configuration says that is not followed, for a person.
  virtual std::vector<std::string> notes() const { return {}; }
  /// Checks types and shapes of the parts against each other. Error naming tensor and file.
  virtual std::unique_ptr<PackedWeight> assemble(const PackedModule& module) const = 0;
};

/// The scheme that a folder's config.json (or quantize_config.json, as older GPTQ folders have it)
/// names; null when its weights are not quantised. Error naming method or option, and what is
/// supported, on anything else.
std::unique_ptr<WeightScheme> detect_weight_scheme(const Json& config, const std::string& folder);

/// One a file. `options` is the object that describes the quantisation, `where` its place for
/// errors. Error on an option that is not supported.
std::unique_ptr<WeightScheme> make_gptq(const Json& options, const std::string& where);
std::unique_ptr<WeightScheme> make_awq(const Json& options, const std::string& where);
std::unique_ptr<WeightScheme> make_bitsandbytes(const Json& options, const std::string& where);
std::unique_ptr<WeightScheme> make_mlx(const Json& options, const std::string& where);
std::unique_ptr<WeightScheme> make_compressed_tensors(const Json& options,
                                                      const std::string& where);
std::unique_ptr<WeightScheme> make_fp8_block(const Json& options, const std::string& where);

/// Error: "<where>: <key>: expected <supported>, got <value>; <how to go on>".
[[noreturn]] void refuse_option(const std::string& where, std::string_view key,
                                const std::string& value, std::string_view supported);
/// object[key] as text for refuse_option, "nothing" when it is missing or null.
std::string option_text(const Json& object, std::string_view key);
/// object[key] when it is a string, in lower case; "" when it is missing or null, Error otherwise.
std::string option_word(const Json& object, std::string_view key, const std::string& where);
/// object[key]: -1 or null for one group a row, else at least 8; Error naming `where` otherwise.
int64_t read_group_size(const Json& object, std::string_view key, const std::string& where);
/// "g128", or "row" where a row is one group: how `stored()` says it.
inline std::string group_text(int64_t group_size) {
  return group_size < 0 ? "row" : "g" + std::to_string(group_size);
}
/// Columns of a group: all of them where a row is one group.
inline int64_t group_columns(int64_t group_size, int64_t cols) {
  return group_size < 0 ? cols : group_size;
}

}  // namespace qwench
