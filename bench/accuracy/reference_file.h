// The reference's distributions over a text in a file, for machines that cannot hold both models:
// `--dump` writes it beside one configuration, `--against` compares another with it. A safetensors
// container: per position the k largest log-probabilities, the mass of all others as one figure,
// and the exact log-probability of the true next token.
#pragma once
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "bench/accuracy/divergence.h"
#include "engine/base/file.h"
#include "engine/checkpoint/safetensors.h"

namespace qwench::bench {

constexpr int64_t kReferenceTopK = 64;  // default of --dump

/// What the figures belong to. Everything is kept in the file's metadata.
struct ReferenceMeta {
  std::string model;          // summary of the model, free text
  std::string configuration;  // "NAME:key=value,..."
  std::string weights;        // the type that the weights were held as; "": the file does not say
  int64_t vocab = 0;
  int64_t window = 0;     // tokens per window
  int64_t n_tokens = 0;   // of the whole text
  int64_t positions = 0;  // rows in the file
  uint64_t token_hash = 0;
};

/// FNV-1a over the ids as little-endian int32.
uint64_t hash_tokens(const std::vector<int32_t>& ids);

/// Tensors of the file (n = positions): `top_ids` I32 [n, k], `top_logprobs` F32 [n, k] descending,
/// `tail_logprob` F32 [n] (-inf when k == vocab), `next_ids` I32 [n] (-1: not scored),
/// `next_logprob` F32 [n] (0 when not scored). Memory: 12 bytes a position; the ids wait in an
/// unnamed temporary file, because a safetensors file holds one tensor after the other.
class ReferenceWriter {
 public:
  /// k is lowered to vocab. Error when the file cannot be made. Nothing is under its name until
  /// close(). Contract: meta's sizes are positive, k > 0.
  ReferenceWriter(const std::string& path, const ReferenceMeta& meta, int64_t k = kReferenceTopK);

  /// The next position: its logits [vocab] and the true next token or kNoNext. Error on NaN or
  /// infinite logits. Contract: at most meta.positions calls.
  void add(const float* logits, int32_t next);
  /// Contract: add() was called meta.positions times. Error when writing failed.
  void close();

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void append_ids();

  FileWriter file_;
  std::unique_ptr<std::FILE, CloseFile> ids_;  // [n, k] I32
  ReferenceMeta meta_;
  int64_t k_ = 0;
  std::vector<int32_t> order_;        // [vocab] scratch: ids, the top k first
  std::vector<float> top_;            // [k] scratch
  std::vector<float> tail_logprobs_;  // [n]
  std::vector<int32_t> next_ids_;     // [n]
  std::vector<float> next_logprobs_;  // [n]
};

/// One position of a file; pointers are valid until the reader's next call.
struct ReferenceRow {
  const int32_t* ids = nullptr;     // [k], distinct; ids[0] is the top token
  const float* logprobs = nullptr;  // [k], descending, <= 0
  int64_t k = 0;
  float tail_logprob = 0;  // ln of the mass outside the top k; -inf for none
  int32_t next = kNoNext;
  float next_logprob = 0;
};

/// Believes nothing: names, types, shapes and metadata when it is opened, every row when it is
/// read (ids distinct and in range, log-probabilities finite, descending, <= 0, masses that add up
/// to 1). Error naming the file, tensor and position. Not thread-safe.
class ReferenceReader {
 public:
  explicit ReferenceReader(const std::string& path);

  const ReferenceMeta& meta() const { return meta_; }
  int64_t k() const { return k_; }
  /// Error that says what differs (number of tokens, their hash, window or vocabulary) when the
  /// file was made from another text or cut differently.
  void require_same_text(const std::vector<int32_t>& tokens, int64_t window, int64_t vocab) const;
  /// Position i of meta().positions. Fast in ascending order.
  ReferenceRow row(int64_t i);

 private:
  void read_meta();
  const StoredTensor& tensor(const char* name, const TensorInfo& expected) const;
  template <class T>
  void load_rows(const char* name, int64_t first, int64_t rows, int64_t cols,
                 std::vector<T>& to) const;
  void check_row(int64_t i, const ReferenceRow& row) const;
  void check_next(int64_t i, const ReferenceRow& row) const;

  SafetensorsFile file_;
  ReferenceMeta meta_;
  int64_t k_ = 0;
  int64_t first_ = 0, loaded_ = 0;  // rows [first_, first_ + loaded_) are in memory
  std::vector<int32_t> ids_, next_ids_;
  std::vector<float> logprobs_, tail_, next_logprobs_;
};

/// KL(reference || candidate) with everything outside the top k taken as one outcome, in nats,
/// >= 0. A lower bound of the KL over the vocabulary (merging outcomes cannot raise it: the
/// data-processing inequality; Cover and Thomas, Elements of Information Theory, 2.8), exact when
/// k == vocab. Reports must call it a lower bound. The f32 log-probabilities do not add up to
/// exactly 1; the sum of p (e^x - 1 - x), x = ln q - ln p, makes their error second order (1e-13).
/// `logits` [vocab] are the candidate's. Error on NaN or infinite logits.
double kl_lower_bound(const ReferenceRow& row, const float* logits, int64_t vocab);

/// The same with top-1 agreement and the true next token's figures, which are exact (to f32).
PositionDivergence compare_to_row(const ReferenceRow& row, const float* logits, int64_t vocab);

}  // namespace qwench::bench
