// Writing and reading of the compact reference; see reference_file.h for its tensors.
#include "bench/accuracy/reference_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "bench/accuracy/top_and_tail.h"
#include "engine/base/check.h"
#include "engine/base/checked.h"

namespace qwench::bench {
namespace {

constexpr const char* kFormat = "qwench reference top-k";
constexpr const char* kVersion = "1";
constexpr int64_t kMaxVocab = 1 << 24, kMaxCount = int64_t(1) << 40;
constexpr int64_t kRowsInMemory = 256;
// f32 holds ln p to 6e-8 of its size; a mass of several such terms may be off by a little more.
constexpr double kMassError = 1e-4;
constexpr float kNoMass = -std::numeric_limits<float>::infinity();

std::vector<TensorInfo> tensors_of(int64_t n, int64_t k) {
  return {{"top_logprobs", DType::kF32, {n, k}},
          {"tail_logprob", DType::kF32, {n}},
          {"next_logprob", DType::kF32, {n}},
          {"next_ids", DType::kI32, {n}},
          {"top_ids", DType::kI32, {n, k}}};
}

SafetensorsMetadata metadata_of(const ReferenceMeta& meta) {
  return {{"format", kFormat},
          {"version", kVersion},
          {"model", meta.model},
          {"configuration", meta.configuration},
          {"weights", meta.weights},
          {"vocab", std::to_string(meta.vocab)},
          {"window", std::to_string(meta.window)},
          {"n_tokens", std::to_string(meta.n_tokens)},
          {"positions", std::to_string(meta.positions)},
          {"token_hash", fmt::format("{:016x}", meta.token_hash)}};
}

const std::string& word_of(const SafetensorsFile& file, const char* key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end())
    fail("{}: metadata '{}' is missing: the file was not written by --dump", file.path(), key);
  return found->second;
}

/// Digits of the given base only, at most `max`.
uint64_t number_of(const SafetensorsFile& file, const char* key, int base, uint64_t max) {
  const std::string& word = word_of(file, key);
  const bool digits =
      !word.empty() && word.size() <= (base == 16 ? 16 : 19) &&
      word.find_first_not_of(base == 16 ? "0123456789abcdef" : "0123456789") == std::string::npos;
  const uint64_t value = digits ? std::stoull(word, nullptr, base) : 0;
  if (!digits || value > max)
    fail("{}: metadata '{}': expected a number up to {}, got {}", file.path(), key, max,
         in_quotes(word));
  return value;
}

int64_t count_of(const SafetensorsFile& file, const char* key, int64_t max) {
  const auto value = int64_t(number_of(file, key, 10, uint64_t(max)));
  if (value == 0) fail("{}: metadata '{}': expected at least 1, got 0", file.path(), key);
  return value;
}

/// As f32: never above ln 1 by rounding, and -inf only for no mass at all.
float as_logprob(double value) {
  if (std::isinf(value)) return kNoMass;
  constexpr float kLowest = std::numeric_limits<float>::lowest();
  return value < double(kLowest) ? kLowest : std::min(0.0f, float(value));
}

double mass_of(float logprob) { return std::exp(double(logprob)); }

/// p (e^x - 1 - x) with x = ln q - ln p; for ratios beyond what a double holds, q + p (-x - 1).
double kl_term(double log_p, double log_q) {
  const double p = std::exp(log_p), x = log_q - log_p;
  if (p == 0) return std::exp(log_q);
  return std::fabs(x) < 300 ? p * exp_minus_1_minus(x) : std::exp(log_q) - p - p * x;
}

}  // namespace

uint64_t hash_tokens(const std::vector<int32_t>& ids) {
  uint64_t h = 0xcbf29ce484222325u;
  for (const int32_t id : ids)
    for (int shift = 0; shift < 32; shift += 8)
      h = (h ^ ((uint32_t(id) >> shift) & 0xffu)) * 0x100000001b3u;
  return h;
}

ReferenceWriter::ReferenceWriter(const std::string& path, const ReferenceMeta& meta, int64_t k)
    : file_(path), ids_(std::tmpfile()), meta_(meta), k_(std::min(k, meta.vocab)) {
  QWENCH_CHECK(k > 0 && meta.vocab > 0 && meta.window > 0 && meta.n_tokens > 0);
  QWENCH_CHECK(meta.positions > 0 && meta.vocab <= kMaxVocab);
  if (!ids_) fail("{}: a temporary file cannot be created: {}", path, std::strerror(errno));
  const std::string header = safetensors_header(tensors_of(meta.positions, k_), metadata_of(meta));
  file_.write(header.data(), int64_t(header.size()));
  order_.resize(size_t(meta.vocab));
  top_.resize(size_t(k_));
}

void ReferenceWriter::add(const float* logits, int32_t next) {
  QWENCH_CHECK(int64_t(next_ids_.size()) < meta_.positions);
  QWENCH_CHECK(next >= kNoNext && next < meta_.vocab);
  require_finite_row(logits, meta_.vocab, "reference");
  std::iota(order_.begin(), order_.end(), 0);
  std::partial_sort(order_.begin(), order_.begin() + k_, order_.end(), [&](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  const TopAndTail sums = top_and_tail(logits, meta_.vocab, order_.data(), k_);
  for (size_t i = 0; i < top_.size(); ++i)
    top_[i] = as_logprob(double(logits[order_[i]]) - sums.total);
  file_.write(top_.data(), k_ * int64_t(sizeof(float)));
  if (std::fwrite(order_.data(), sizeof(int32_t), size_t(k_), ids_.get()) != size_t(k_))
    fail("temporary file for token ids: writing: {}", std::strerror(errno));
  tail_logprobs_.push_back(as_logprob(sums.tail - sums.total));
  next_ids_.push_back(next);
  next_logprobs_.push_back(next == kNoNext ? 0 : as_logprob(double(logits[next]) - sums.total));
}

void ReferenceWriter::close() {
  QWENCH_CHECK(int64_t(next_ids_.size()) == meta_.positions);
  file_.write(tail_logprobs_.data(), meta_.positions * 4);
  file_.write(next_logprobs_.data(), meta_.positions * 4);
  file_.write(next_ids_.data(), meta_.positions * 4);
  append_ids();
  file_.close();
}

void ReferenceWriter::append_ids() {
  std::rewind(ids_.get());
  for (int64_t i = 0; i < meta_.positions; ++i) {
    if (std::fread(order_.data(), sizeof(int32_t), size_t(k_), ids_.get()) != size_t(k_))
      fail("temporary file for token ids: reading: {}", std::strerror(errno));
    file_.write(order_.data(), k_ * int64_t(sizeof(int32_t)));
  }
}

ReferenceReader::ReferenceReader(const std::string& path) : file_(path) {
  read_meta();
  const StoredTensor* top = file_.find("top_ids");
  k_ = top && top->shape.size() == 2 ? top->shape[1] : 0;
  if (k_ < 1 || k_ > meta_.vocab)
    fail("{}: tensor top_ids: expected [{}, 1 to {}], got another shape or none", path,
         meta_.positions, meta_.vocab);
  for (const TensorInfo& info : tensors_of(meta_.positions, k_)) tensor(info.name.c_str(), info);
}

void ReferenceReader::read_meta() {
  if (word_of(file_, "format") != kFormat || word_of(file_, "version") != kVersion)
    fail("{}: expected format '{}' version {}, got {} version {}", file_.path(), kFormat, kVersion,
         in_quotes(word_of(file_, "format")), in_quotes(word_of(file_, "version")));
  meta_.model = word_of(file_, "model");
  meta_.configuration = word_of(file_, "configuration");
  if (file_.metadata().count("weights")) meta_.weights = word_of(file_, "weights");
  meta_.vocab = count_of(file_, "vocab", kMaxVocab);
  meta_.window = count_of(file_, "window", kMaxCount);
  meta_.n_tokens = count_of(file_, "n_tokens", kMaxCount);
  meta_.positions = count_of(file_, "positions", kMaxCount);
  meta_.token_hash = number_of(file_, "token_hash", 16, UINT64_MAX);
}

const StoredTensor& ReferenceReader::tensor(const char* name, const TensorInfo& expected) const {
  const StoredTensor* found = file_.find(name);
  if (!found) fail("{}: tensor {} is missing", file_.path(), name);
  const TensorInfo info = found->info(file_.path());
  if (info.dtype != expected.dtype || info.shape != expected.shape)
    fail("{}: tensor {}: expected {} {}, got {} {}", file_.path(), name, name_of(expected.dtype),
         to_string(expected.shape), name_of(info.dtype), to_string(info.shape));
  return *found;
}

void ReferenceReader::require_same_text(const std::vector<int32_t>& tokens, int64_t window,
                                        int64_t vocab) const {
  const auto same = [&](const char* what, int64_t ours, int64_t theirs) {
    if (ours != theirs)
      fail("{}: expected {} {} as in this run, got {}: it was made from another text or model",
           file_.path(), what, ours, theirs);
  };
  same("vocabulary", vocab, meta_.vocab);
  same("window", window, meta_.window);
  same("number of tokens", int64_t(tokens.size()), meta_.n_tokens);
  if (hash_tokens(tokens) != meta_.token_hash)
    fail(
        "{}: expected token ids with hash {:016x} as in this run, got {:016x}: it was made from "
        "another text or tokenizer",
        file_.path(), hash_tokens(tokens), meta_.token_hash);
}

template <class T>
void ReferenceReader::load_rows(const char* name, int64_t first, int64_t rows, int64_t cols,
                                std::vector<T>& to) const {
  to.resize(size_t(rows * cols));
  file_.read(*file_.find(name), first * cols * 4, rows * cols * 4, to.data());
}

ReferenceRow ReferenceReader::row(int64_t i) {
  QWENCH_CHECK(i >= 0 && i < meta_.positions);
  if (i < first_ || i >= first_ + loaded_) {
    const int64_t rows = std::min(kRowsInMemory, meta_.positions - i);
    loaded_ = 0;  // until all are read: a failure must not leave old and new rows mixed
    load_rows("top_ids", i, rows, k_, ids_);
    load_rows("top_logprobs", i, rows, k_, logprobs_);
    load_rows("tail_logprob", i, rows, 1, tail_);
    load_rows("next_ids", i, rows, 1, next_ids_);
    load_rows("next_logprob", i, rows, 1, next_logprobs_);
    first_ = i;
    loaded_ = rows;
  }
  const auto at = size_t(i - first_);
  const ReferenceRow row{ids_.data() + at * size_t(k_),
                         logprobs_.data() + at * size_t(k_),
                         k_,
                         tail_[at],
                         next_ids_[at],
                         next_logprobs_[at]};
  check_row(i, row);
  check_next(i, row);
  return row;
}

void ReferenceReader::check_row(int64_t i, const ReferenceRow& row) const {
  double mass = mass_of(row.tail_logprob);
  for (int64_t j = 0; j < k_; ++j) {
    const float p = row.logprobs[j];
    if (!std::isfinite(p) || p > 0 || (j && p > row.logprobs[j - 1]))
      fail(
          "{}: tensor top_logprobs: expected finite numbers <= 0 that do not ascend, got {} at "
          "[{}, {}]",
          file_.path(), p, i, j);
    mass += mass_of(p);
  }
  const float tail = row.tail_logprob;
  if (std::isnan(tail) || tail > 0 || (tail == kNoMass) != (k_ == meta_.vocab))
    fail(
        "{}: tensor tail_logprob: expected a number <= 0 (-inf only when every token is stored), "
        "got {} at [{}]",
        file_.path(), tail, i);
  if (std::fabs(mass - 1) > kMassError)
    fail("{}: position {}: expected probabilities that add up to 1, got {}", file_.path(), i, mass);
  std::vector<int32_t> ids(row.ids, row.ids + k_);
  std::sort(ids.begin(), ids.end());
  if (ids.front() < 0 || ids.back() >= meta_.vocab)
    fail("{}: tensor top_ids: expected ids from 0 to {}, got {} at position {}", file_.path(),
         meta_.vocab - 1, ids.front() < 0 ? ids.front() : ids.back(), i);
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice != ids.end())
    fail("{}: tensor top_ids: expected distinct ids, got {} twice at position {}", file_.path(),
         *twice, i);
}

void ReferenceReader::check_next(int64_t i, const ReferenceRow& row) const {
  if (row.next < kNoNext || row.next >= meta_.vocab)
    fail("{}: tensor next_ids: expected -1 to {}, got {} at [{}]", file_.path(), meta_.vocab - 1,
         row.next, i);
  if (!std::isfinite(row.next_logprob) || row.next_logprob > 0)
    fail("{}: tensor next_logprob: expected a finite number <= 0, got {} at [{}]", file_.path(),
         row.next_logprob, i);
  if (row.next == kNoNext) return;
  const int32_t* found = std::find(row.ids, row.ids + k_, row.next);
  const bool inside = found != row.ids + k_;
  const float stored = inside ? row.logprobs[found - row.ids] : row.logprobs[k_ - 1];
  if (inside ? stored != row.next_logprob : row.next_logprob > stored)
    fail("{}: tensor next_logprob: expected {}{} as in top_logprobs, got {} at [{}]", file_.path(),
         inside ? "" : "at most ", stored, row.next_logprob, i);
}

PositionDivergence compare_to_row(const ReferenceRow& row, const float* logits, int64_t vocab) {
  require_finite_row(logits, vocab, "candidate");
  const TopAndTail sums = top_and_tail(logits, vocab, row.ids, row.k);
  PositionDivergence out;
  for (int64_t i = 0; i < row.k; ++i)
    out.kl += kl_term(double(row.logprobs[i]), double(logits[row.ids[i]]) - sums.total);
  if (row.k < vocab) out.kl += kl_term(double(row.tail_logprob), sums.tail - sums.total);
  out.same_top1 = argmax(logits, vocab) == row.ids[0];
  if (row.next == kNoNext) return out;
  QWENCH_CHECK(row.next >= 0 && row.next < vocab);
  out.scored = true;
  out.nll_reference = -double(row.next_logprob);
  out.nll_candidate = std::max(0.0, sums.total - double(logits[row.next]));
  out.delta_p = std::exp(-out.nll_candidate) - std::exp(-out.nll_reference);
  return out;
}

double kl_lower_bound(const ReferenceRow& row, const float* logits, int64_t vocab) {
  return compare_to_row(row, logits, vocab).kl;
}

}  // namespace qwench::bench
