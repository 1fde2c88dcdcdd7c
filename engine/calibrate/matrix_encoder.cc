// A tensor is cut into tasks of a few rows, the same ones whatever the number of threads, and sums
// over tasks are taken in order: results and reports do not depend on threads.
#include "engine/calibrate/matrix_encoder.h"

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "engine/base/check.h"
#include "engine/base/checked.h"
#include "engine/base/content_hash.h"
#include "engine/base/parallel.h"
#include "engine/formats/format.h"

namespace qwench {

namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Rows = Eigen::Map<const RowMajor>;

constexpr int64_t kTaskRows = 64;
constexpr int64_t kTaskVector = 1 << 16;  // elements of a vector

/// How a tensor is cut.
struct Cut {
  int64_t rows, cols, rows_per_task;
  explicit Cut(const TensorInfo& t) : rows(t.rows()), cols(t.cols()), rows_per_task(kTaskRows) {
    if (t.shape.rank == 1) rows = t.shape.count(), cols = 1, rows_per_task = kTaskVector;
  }
  int64_t tasks() const { return ceil_div(rows, rows_per_task); }
  int64_t first(int64_t task) const { return task * rows_per_task; }
  int64_t count(int64_t task) const { return std::min(rows_per_task, rows - first(task)); }
};

/// Sums of one task: what the errors are made of.
struct TaskSums {
  double weights = 0, outputs = 0;  // energies
  std::array<double, kRoundings> weight_error{}, output_error{};
  uint64_t hash = 0;
};

class TensorEncoder {
 public:
  TensorEncoder(const Checkpoint& source, const PlannedTensor& plan, const KnownInputs& inputs)
      : source_(source), plan_(plan), inputs_(inputs), cut_(plan.from) {
    const DType to = plan.to.dtype;
    same_ = plan.from.dtype == to;
    const bool four_bits = !same_ && (to == DType::kQ4_0 || to == DType::kQ4G);
    tried_ = {true, four_bits && inputs.statistics, four_bits && inputs.feedback};
    for (size_t i = 0; i < size_t(kRoundings); ++i)
      if (tried_[i]) results_[i].resize(size_t(plan.to.bytes()));
    sums_.resize(size_t(cut_.tasks()));
    if (inputs.statistics) importance_ = inputs.statistics->importance();
  }

  void run(const EncodeOptions& options) {
    const auto tick = [&](int64_t begun) {
      if (options.progress)
        options.progress(std::min(begun * cut_.rows_per_task, cut_.rows) * cut_.cols);
    };
    for_each_task(
        cut_.tasks(), options.threads, [&](int64_t t) { encode_task(t); }, tick);
  }

  EncodedTensor finish(TensorReport& report) {
    TaskSums total;
    ContentHash hash;
    for (const TaskSums& sums : sums_) {
      total.weights += sums.weights;
      total.outputs += sums.outputs;
      for (size_t i = 0; i < size_t(kRoundings); ++i) {
        total.weight_error[i] += sums.weight_error[i];
        total.output_error[i] += sums.output_error[i];
      }
      hash.add(sums.hash);
    }
    report.source_hash = hash.value();
    const size_t kept = choose(total, report);
    report.kept = Rounding(kept);
    report.weight_error =
        total.weights > 0 ? std::sqrt(total.weight_error[kept] / total.weights) : 0.0;
    return {plan_.to, std::move(results_[kept])};
  }

 private:
  int64_t output_bytes(int64_t rows) const {
    return plan_.to.shape.rank == 1 ? rows * size_of(plan_.to.dtype)
                                    : rows * row_bytes(plan_.to.dtype, cut_.cols);
  }

  void encode_task(int64_t task) {
    TaskSums& sums = sums_[size_t(task)];
    const int64_t first = cut_.first(task), n = cut_.count(task) * cut_.cols;
    const DType from = plan_.from.dtype;
    std::vector<char> stored(size_t(
        is_quantized(from) ? cut_.count(task) * row_bytes(from, cut_.cols) : n * size_of(from)));
    source_.read(plan_.from, first * cut_.cols, n, stored.data());
    ContentHash hash;
    hash.add(stored.data(), int64_t(stored.size()));
    sums.hash = hash.value();
    std::vector<float> w(static_cast<size_t>(n)), decoded(static_cast<size_t>(n));
    convert_rows(stored.data(), from, w.data(), DType::kF32, cut_.count(task), cut_.cols);
    for (const float value : w) {
      if (!std::isfinite(value))
        fail("tensor {}: expected finite weights, got {} (in {}); the checkpoint is damaged",
             plan_.from.name, value, source_.path());
      sums.weights += double(value) * double(value);
    }
    measure_energy(w, sums);
    for (int i = 0; i < kRoundings; ++i)
      if (tried_[size_t(i)]) try_rounding(Rounding(i), task, stored, w, decoded);
  }

  void measure_energy(const std::vector<float>& w, TaskSums& sums) const {
    if (inputs_.statistics) sums.outputs = squared_output(w);
  }

  void try_rounding(Rounding rounding, int64_t task, const std::vector<char>& stored,
                    const std::vector<float>& w, std::vector<float>& decoded) {
    const int64_t rows = cut_.count(task), cols = cut_.cols;
    char* to = results_[size_t(rounding)].data() + output_bytes(cut_.first(task));
    const DType type = plan_.to.dtype;
    if (same_)
      std::memcpy(to, stored.data(), stored.size());
    else if (rounding == Rounding::kFeedback)
      inputs_.feedback->encode(type, w.data(), rows, to);
    else if (rounding == Rounding::kImportance)
      for (int64_t r = 0; r < rows; ++r)
        encode_row(type, &w[size_t(r * cols)], cols, importance_.data(),
                   to + r * row_bytes(type, cols));
    else
      convert_rows(w.data(), DType::kF32, to, type, rows, cols);
    convert_rows(to, type, decoded.data(), DType::kF32, rows, cols);
    TaskSums& sums = sums_[size_t(task)];
    for (size_t i = 0; i < w.size(); ++i) {
      decoded[i] -= w[i];
      sums.weight_error[size_t(rounding)] += double(decoded[i]) * double(decoded[i]);
    }
    if (inputs_.statistics) sums.output_error[size_t(rounding)] = squared_output(decoded);
  }

  /// Of rows of weights on the inputs held out.
  double squared_output(const std::vector<float>& rows) const {
    const InputStatistics& s = *inputs_.statistics;
    const Rows x(s.held_out().data(), s.held_out_count(), cut_.cols);
    const Rows w(rows.data(), int64_t(rows.size()) / cut_.cols, cut_.cols);
    const RowMajor y = x * w.transpose();
    return y.cast<double>().squaredNorm();
  }

  size_t choose(const TaskSums& total, TensorReport& report) const {
    size_t best = 0;
    if (!inputs_.statistics) return best;
    for (size_t i = 0; i < size_t(kRoundings); ++i) {
      if (!tried_[i]) continue;
      report.output_error[i] =
          total.outputs > 0 ? std::sqrt(total.output_error[i] / total.outputs) : 0.0;
      if (total.output_error[i] < total.output_error[best]) best = i;
    }
    return best;
  }

  const Checkpoint& source_;
  const PlannedTensor& plan_;
  const KnownInputs& inputs_;
  Cut cut_;
  bool same_ = false;  // the source has the wanted bytes already
  std::array<bool, kRoundings> tried_{};
  std::array<std::vector<char>, kRoundings> results_;
  std::vector<TaskSums> sums_;
  std::vector<float> importance_;
};

}  // namespace

std::string_view name_of(Rounding rounding) {
  switch (rounding) {
    case Rounding::kPlain: return "plain";
    case Rounding::kImportance: return "importance";
    case Rounding::kFeedback: return "feedback";
  }
  return "?";
}

EncodedTensor encode_tensor(const Checkpoint& source, const PlannedTensor& plan,
                            const KnownInputs& inputs, const EncodeOptions& options,
                            TensorReport& report) {
  report = {};
  report.name = plan.from.name;
  report.from = plan.from.dtype;
  report.to = plan.to.dtype;
  report.shape = plan.from.shape;
  report.bytes_in = plan.from.bytes();
  report.bytes_out = plan.to.bytes();
  report.odd_rows = plan.odd_rows;
  TensorEncoder encoder(source, plan, inputs);
  encoder.run(options);
  return encoder.finish(report);
}

uint64_t hash_tensor(const Checkpoint& source, const TensorInfo& tensor, int threads) {
  const Cut cut(tensor);
  std::vector<uint64_t> hashes(static_cast<size_t>(cut.tasks()));
  const auto task = [&](int64_t t) {
    const int64_t n = cut.count(t) * cut.cols;
    std::vector<char> stored(size_t(is_quantized(tensor.dtype)
                                        ? cut.count(t) * row_bytes(tensor.dtype, cut.cols)
                                        : n * size_of(tensor.dtype)));
    source.read(tensor, cut.first(t) * cut.cols, n, stored.data());
    ContentHash hash;
    hash.add(stored.data(), int64_t(stored.size()));
    hashes[size_t(t)] = hash.value();
  };
  for_each_task(cut.tasks(), threads, task, {});
  ContentHash hash;
  for (const uint64_t h : hashes) hash.add(h);
  return hash.value();
}

int64_t encode_bytes(const PlannedTensor& plan, bool calibrated, int64_t held_out, int threads) {
  const Cut cut(plan.from);
  const int64_t tile = std::min(cut.rows_per_task, cut.rows) * cut.cols;
  const int64_t of_thread = tile * 16 + (calibrated ? held_out * kTaskRows * 12 : 0);
  const int64_t candidates = calibrated ? kRoundings : 1;
  return checked_add(checked_mul(of_thread, threads, "encoding"),
                     checked_mul(plan.to.bytes(), candidates, "encoding"), "encoding");
}

}  // namespace qwench
