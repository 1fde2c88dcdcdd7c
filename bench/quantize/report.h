// What a quantised model costs and what each of its matrices lost, for people and as JSON.
#pragma once
#include <string>
#include <vector>

#include "bench/support/output.h"
#include "engine/calibrate/matrix_encoder.h"

namespace qwench::bench {

struct QuantizeReport {
  std::string model, out, calibration;  // calibration: "none" or the text
  int64_t calibration_tokens = 0, held_out_tokens = 0;
  bool feedback = false;
  bool can_be_compared = false;  // with the model on a text: its weights are not random
  int64_t parameters = 0, bytes_in = 0, bytes_out = 0;  // of tensors
  int64_t bytes_on_disk = 0;  // of the output: tokenizer, names and shapes counted
  double seconds = 0;
  int64_t resumed_parts = 0;  // taken over from an earlier run
  std::vector<TensorReport> tensors;
  std::vector<std::string> notes;
};

/// Embedding, head, norms and biases counted.
double bits_per_weight(const QuantizeReport& report);

OrderedJson tensor_json(const TensorReport& tensor);
/// The other way; Error naming `where` when it is not such an object.
TensorReport read_tensor_report(const Json& json, const std::string& where);

OrderedJson report_json(const QuantizeReport& report);
/// One line for each kind of matrix, layers taken together.
std::string report_text(const QuantizeReport& report);

}  // namespace qwench::bench
