// The order of work: parts as the forward pass has them, so that calibration can follow.
#include "bench/quantize/job.h"

#include <algorithm>
#include <filesystem>

#include "bench/machine/host.h"
#include "bench/quantize/output_files.h"
#include "bench/quantize/own_files.h"
#include "bench/support/interrupt.h"
#include "bench/support/table.h"
#include "engine/base/checked.h"
#include "engine/base/content_hash.h"
#include "engine/base/host_memory.h"
#include "engine/checkpoint/quantized_folder.h"
#include "engine/config/config_json.h"

namespace qwench::bench {

namespace {

namespace fs = std::filesystem;

std::unique_ptr<Checkpoint> open_source(const QuantizeOptions& o) {
  OpenOptions open;
  open.mmap = o.mmap;
  open.seed = o.seed;
  return open_checkpoint(o.model, open);
}

int64_t bytes_on_disk(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return int64_t(fs::file_size(path, error));
  int64_t bytes = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error))
    if (entry.is_regular_file(error)) bytes += int64_t(entry.file_size(error));
  return bytes;
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

/// What is known of a model's text before any of it is run: whose calibration it is.
std::string hash_text(const std::vector<std::vector<int32_t>>& sequences) {
  ContentHash hash;
  for (const auto& sequence : sequences) hash.add(sequence.data(), int64_t(sequence.size()) * 4);
  return fmt::format("{:016x}", hash.value());
}

}  // namespace

QuantizeJob::QuantizeJob(const QuantizeOptions& options) : options_(options) {
  options_.out = without_slash(options_.out);
  if (!options_.threads) options_.threads = host().physical_cores;
  rules_ = read_type_rules(options_);
  source_ = open_source(options_);
  note_checkpoint(*source_);
  check_output(options_);
  plan_ = plan_parts(*source_, rules_);
  check_types(options_, plan_);
  if (options_.calibrated()) sequences_ = calibration_sequences(options_, *source_);
  require_room();
  check_tied_head(*source_, int(options_.threads), interrupted);
  for (const PlannedPart& part : plan_) weights_total_ += part.weights();
  const bool goes_on = options_.resume || options_.force;  // and knows what is there, or makes room
  if (!goes_on) require_disk();
  partial_.emplace(
      Partial::Open{options_.out, describe(), plan_.size(), options_.resume, options_.force});
  if (goes_on) require_disk();
  if (options_.calibrated()) start_calibration();
}

/// Everything that decides the bytes of the output, but for the weights themselves.
OrderedJson QuantizeJob::describe() const {
  OrderedJson types = OrderedJson::object();
  for (const PlannedPart& part : plan_)
    for (const PlannedTensor& t : part.tensors) types[t.to.name] = name_of(t.to.dtype);
  return {{"version", kQuantizedVersion},
          {"model", options_.model},
          {"config", config_json_of(source_->config())},
          {"types", types},
          {"seed", source_->is_random() ? options_.seed : 0},
          {"calibration", options_.calibrated() ? hash_text(sequences_) : "none"},
          {"error_feedback", options_.calibrated() && !options_.no_feedback}};
}

void QuantizeJob::start_calibration() {
  ModelOptions model;
  backend_ = make_backend(model, options_.threads);
  CalibrationOptions calibration;
  calibration.products = !options_.no_feedback;
  calibration.threads = int(options_.threads);
  calibration.progress = [](int64_t) { throw_if(interrupted); };
  calibration_ =
      std::make_unique<Calibration>(*backend_, source_->config(), sequences_, calibration);
}

void QuantizeJob::require_room() const {
  const char* what = "quantize";
  const bool calibrated = options_.calibrated();
  int64_t part_bytes = 0, calibration = 0;
  for (const PlannedPart& part : plan_) {
    int64_t results = 0, most = 0;
    for (const PlannedTensor& t : part.tensors) {
      results = checked_add(results, t.to.bytes(), what);
      most = std::max(most, encode_bytes(t, calibrated && t.to.shape.rank == 2,
                                         calibrated ? kMaxHeldOut : 0, int(options_.threads)));
    }
    part_bytes = std::max(part_bytes, checked_add(results, most, what));
  }
  if (calibrated)
    calibration =
        Calibration::bytes(source_->config(), int64_t(sequences_.size() * sequences_[0].size()),
                           int64_t(sequences_[0].size()), !options_.no_feedback);
  const int64_t needed = checked_add(part_bytes, calibration, what);
  const int64_t available = available_memory_bytes();
  if (needed > available)
    fail(
        "memory: {} needed (the largest part {}, calibration {}), {} available; use fewer "
        "--calibration-tokens, fewer --threads or no --calibration",
        format_bytes(needed), format_bytes(part_bytes), format_bytes(calibration),
        format_bytes(available));
}

/// Before hours of work, and not after them.
void QuantizeJob::require_disk() const {
  if (const std::string lack = disk_lack(); !lack.empty())
    fail("{}: {}; make room or choose another place for the output", options_.out, lack);
}

std::string QuantizeJob::disk_lack() const {
  const int64_t needed = disk_bytes_left();
  std::error_code error;
  const fs::space_info disk = fs::space(fs::absolute(options_.out).parent_path(), error);
  if (error || disk.capacity == 0 || uint64_t(needed) <= uint64_t(disk.available)) return "";
  return fmt::format("{} needed on its disk{}, {} free", format_bytes(needed),
                     options_.to_gguf() ? " (for parts, and for the file made of them)" : "",
                     format_bytes(int64_t(disk.available)));
}

/// That the parts to come, and the output made of all, take beside what is there.
int64_t QuantizeJob::disk_bytes_left() const {
  constexpr int64_t kListBytes =
      2048;  // of a tensor in the list of parts, and in the file's header
  const char* what = "quantize";
  int64_t all = 0, done = 0, beside = 0;
  for (size_t i = 0; i < plan_.size(); ++i)
    for (const PlannedTensor& t : plan_[i].tensors) {
      all = checked_add(all, t.to.bytes(), what);
      if (partial_ && i < partial_->finished().size()) done += t.to.bytes();
      beside += kListBytes;
    }
  for (const std::string& name : text_file_names()) {
    std::error_code error;
    const auto size = fs::file_size(source_->path() + "/" + name, error);
    if (!error) beside = checked_add(beside, int64_t(size), what);
  }
  const int64_t weights = options_.to_gguf() ? checked_add(all, all - done, what) : all - done;
  return checked_add(weights, beside, what);
}

QuantizeReport QuantizeJob::run() {
  start_ns_ = now_ns();
  QuantizeReport report;
  const size_t taken_over = partial_->finished().size();
  for (size_t i = 0; i < plan_.size(); ++i) {
    throw_if(interrupted);
    const bool done = i < taken_over;
    const std::vector<EncodedTensor> tensors =
        done ? take_over(i, plan_[i]) : encode_part(plan_[i]);
    layer_inputs_.reset(), head_inputs_.reset(), feedback_.clear();
    advance(i, tensors);
    weights_before_ += plan_[i].weights();
    if (done) resumed_weights_ += plan_[i].weights();
  }
  show("writing the output", 0);
  report.notes = finish_output(options_, *source_, plan_, rules_, *partial_);
  report.resumed_parts = int64_t(taken_over);
  report.seconds = double(now_ns() - start_ns_) * 1e-9;
  fill(report);
  progress_.done(fmt::format("quantised {} weights in {}", weights_total_ - resumed_weights_,
                             format_ns(report.seconds * 1e9)));
  return report;
}

void QuantizeJob::fill(QuantizeReport& report) const {
  report.model = options_.model, report.out = options_.out;
  report.bytes_on_disk = bytes_on_disk(options_.out);
  report.can_be_compared = !source_->is_random();
  report.calibration = options_.calibrated() ? options_.calibration : "none";
  report.feedback = options_.calibrated() && !options_.no_feedback;
  if (calibration_) {
    report.calibration_tokens = calibration_->n_tokens();
    report.held_out_tokens = calibration_->n_held_out();
  }
  int64_t odd = 0;
  for (const FinishedPart& part : partial_->finished())
    for (const TensorReport& t : part.tensors) {
      report.tensors.push_back(t);
      report.parameters += t.shape.count();
      report.bytes_in += t.bytes_in, report.bytes_out += t.bytes_out;
      odd += t.odd_rows;
    }
  if (odd)
    report.notes.push_back(fmt::format(
        "{} matrices are bf16, since their rows are not whole blocks of {}", odd, kQuantBlock));
}

/// A part of an interrupted run, when it and what it was made from are still the same.
std::vector<EncodedTensor> QuantizeJob::take_over(size_t index, const PlannedPart& part) {
  show("checking " + part.name, 0);
  const FinishedPart& finished = partial_->finished()[index];
  std::vector<EncodedTensor> tensors = partial_->read(index, part);
  for (size_t t = 0; t < part.tensors.size(); ++t)
    if (finished.tensors.size() != part.tensors.size() ||
        finished.tensors[t].name != part.tensors[t].to.name ||
        hash_tensor(*source_, part.tensors[t].from, int(options_.threads)) !=
            finished.tensors[t].source_hash)
      fail(
          "--resume: tensor {}: {} is not the model that was being quantised; --force starts again",
          part.tensors[t].from.name, options_.model);
  return tensors;
}

std::vector<EncodedTensor> QuantizeJob::encode_part(const PlannedPart& part) {
  if (calibration_) gather(part);
  std::vector<EncodedTensor> tensors;
  std::vector<TensorReport> reports;
  int64_t before = 0;
  EncodeOptions encode;
  encode.threads = int(options_.threads);
  encode.progress = [&](int64_t weights) {
    show(part.name, before + weights);
    throw_if(interrupted);
  };
  for (const PlannedTensor& t : part.tensors) {
    TensorReport report;
    const KnownInputs inputs = inputs_of(t);
    tensors.push_back(encode_tensor(*source_, t, inputs, encode, report));
    reports.push_back(report);
    before += t.from.shape.count();
  }
  partial_->add(tensors, reports);
  if (on_part) on_part(partial_->finished().size());
  return tensors;
}

void QuantizeJob::gather(const PlannedPart& part) {
  show("reading the inputs of " + part.name, 0);
  if (part.layer >= 0) layer_inputs_ = calibration_->gather(*source_, part.layer);
  if (part.name == "head" && head_needs_inputs())
    head_inputs_ = calibration_->head_inputs(*source_);
}

KnownInputs QuantizeJob::inputs_of(const PlannedTensor& tensor) {
  KnownInputs inputs;
  if (layer_inputs_ && tensor.from.shape.rank == 2)
    inputs.statistics = layer_inputs_->of(tensor.from.name);
  if (head_inputs_ && tensor.from.name == "lm_head.weight") inputs.statistics = &*head_inputs_;
  const DType to = tensor.to.dtype;
  if (!inputs.statistics || !inputs.statistics->has_products()) return inputs;
  if (to != DType::kQ4_0 && to != DType::kQ4G) return inputs;
  const auto same = [&](const auto& made) { return made.first == inputs.statistics; };
  auto found = std::find_if(feedback_.begin(), feedback_.end(), same);
  if (found == feedback_.end())
    found = feedback_.emplace(found, inputs.statistics, ErrorFeedback(*inputs.statistics));
  inputs.feedback = &found->second;
  return inputs;
}

bool QuantizeJob::head_needs_inputs() const { return !source_->config().tied_embeddings; }

void QuantizeJob::advance(size_t index, const std::vector<EncodedTensor>& tensors) {
  const PlannedPart& part = plan_[index];
  if (!calibration_ || part.name == "head") return;
  const EncodedTensors encoded(source_->config(), tensors, partial_->path());
  if (part.name == "embedding") return calibration_->embed(encoded);
  const bool last = part.layer + 1 == source_->config().n_layers;
  if (last && !head_needs_inputs()) return;
  show("running " + part.name, part.weights());
  calibration_->advance(encoded, part.layer);
}

void QuantizeJob::show(const std::string& doing, int64_t weights_done) {
  const int64_t done = weights_before_ + weights_done - resumed_weights_;
  const int64_t left = weights_total_ - weights_before_ - weights_done;
  const double seconds = double(now_ns() - start_ns_) * 1e-9;
  std::string eta;
  if (done > 0 && seconds > 1)
    eta = fmt::format(", {:.0f} s left", seconds * double(left) / double(done));
  progress_.show(fmt::format("{:3.0f} %  {}{}",
                             100.0 * double(weights_total_ - left) / double(weights_total_), doing,
                             eta));
}

}  // namespace qwench::bench
