// What `qwench quantize` is asked to do, read from the command line and checked against the model
// before anything is written.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "bench/model/model_options.h"
#include "engine/calibrate/type_rules.h"

namespace CLI {
class App;
}  // namespace CLI

namespace qwench::bench {

struct QuantizeOptions {
  std::string model, out;
  std::vector<std::string> types;  // "q4g", "layers.*.down_proj=q8_0"
  std::string embedding_type;      // "": q8_0 beside 4-bit layers, else the layers' type
  std::string calibration = "none";
  int64_t calibration_tokens = 16384;
  bool no_feedback = false, resume = false, force = false, json = false, mmap = false;
  std::string report;
  int64_t threads = 0;  // 0: physical cores
  uint64_t seed = 1;

  bool calibrated() const { return calibration != "none"; }
  bool to_gguf() const;
};

void add_quantize_options(CLI::App& command, QuantizeOptions& options);

/// UsageError on what is wrong whatever the model.
TypeRules read_type_rules(const QuantizeOptions& options);

/// UsageError when the output cannot hold a planned type.
void check_types(const QuantizeOptions& options, const std::vector<PlannedPart>& parts);

/// The calibration text as sequences of ids, spread evenly over it. UsageError when there is no text,
/// no tokenizer or too little of either.
std::vector<std::vector<int32_t>> calibration_sequences(const QuantizeOptions& options,
                                                        const Checkpoint& checkpoint);

}  // namespace qwench::bench
