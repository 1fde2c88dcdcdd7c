// Quantising a model part by part: what is done, what is left, how long it will take.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/quantize/options.h"
#include "bench/quantize/partial.h"
#include "bench/quantize/report.h"
#include "bench/support/output.h"
#include "engine/calibrate/calibration.h"

namespace qwench::bench {

class QuantizeJob {
 public:
  /// Checks everything that can be known before work begins. UsageError or Error as the parts say.
  explicit QuantizeJob(const QuantizeOptions& options);

  /// Encodes every part that is not there, then puts the output in place. Cancelled: OUT.partial holds
  /// what is finished.
  QuantizeReport run();

  /// Called after each part that was encoded and written, with how many there are now.
  std::function<void(size_t)> on_part;

  const std::string& partial_path() const { return partial_->path(); }
  /// Why the parts to come and the output do not fit on their disk; "" when they do, or nobody knows.
  std::string disk_lack() const;
  size_t parts_done() const { return partial_->finished().size(); }
  size_t parts() const { return plan_.size(); }

 private:
  void start_calibration();
  void require_room() const;
  void require_disk() const;
  int64_t disk_bytes_left() const;
  OrderedJson describe() const;
  std::vector<EncodedTensor> encode_part(const PlannedPart& part);
  std::vector<EncodedTensor> take_over(size_t index, const PlannedPart& part);
  void gather(const PlannedPart& part);
  KnownInputs inputs_of(const PlannedTensor& tensor);
  void advance(size_t index, const std::vector<EncodedTensor>& tensors);
  bool head_needs_inputs() const;
  /// What the report says once the output is in place.
  void fill(QuantizeReport& report) const;
  void show(const std::string& doing, int64_t weights_done);

  QuantizeOptions options_;
  std::unique_ptr<Checkpoint> source_;
  TypeRules rules_;
  std::vector<PlannedPart> plan_;
  std::vector<std::vector<int32_t>> sequences_;
  std::unique_ptr<Backend> backend_;  // before calibration_: outlives its buffers
  std::unique_ptr<Calibration> calibration_;
  std::optional<Partial> partial_;
  std::optional<LayerInputs> layer_inputs_;     // of the part in progress
  std::optional<InputStatistics> head_inputs_;  // the same
  std::vector<std::pair<const InputStatistics*, ErrorFeedback>> feedback_;  // the same, as made
  Progress progress_;
  int64_t start_ns_ = 0, weights_before_ = 0, weights_total_ = 0;
  int64_t resumed_weights_ = 0;
};

}  // namespace qwench::bench
