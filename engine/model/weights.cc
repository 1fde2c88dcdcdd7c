// Names, shapes and types of a checkpoint's tensors, checked before the first byte is read.
#include "engine/model/weights.h"

#include <algorithm>
#include <exception>

#include "engine/base/checked.h"
#include "engine/base/threads.h"
#include "engine/formats/format.h"

namespace qwench {

namespace {

constexpr int64_t kStagingBytes = 8 << 20;
constexpr const char *kEmbedding = "model.embed_tokens.weight", *kHead = "lm_head.weight";

/// A head that is stored beside the embeddings it is tied to.
bool is_tied_head(const TensorInfo& tensor, const ModelConfig& config) {
  return config.tied_embeddings && tensor.name == kHead;
}

/// Reads rows [first_row, first_row + rows) of a tensor with several threads; the first thread's error
/// is the caller's.
void read_parallel(const Checkpoint& checkpoint, const TensorInfo& info, int64_t first_row,
                   int64_t rows, int threads, char* to) {
  constexpr int64_t kMinElements = 1 << 20;  // below this a thread costs more than it brings
  const int64_t cols = info.cols();
  const int64_t parts = std::clamp<int64_t>(rows * cols / kMinElements, 1, threads);
  std::vector<std::exception_ptr> errors(size_t(parts), nullptr);
  const auto read_part = [&](int64_t part) {
    const int64_t first = rows * part / parts, last = rows * (part + 1) / parts;
    try {
      checkpoint.read(info, (first_row + first) * cols, (last - first) * cols,
                      to + first * row_bytes(info.dtype, cols));
    } catch (...) {
      errors[size_t(part)] = std::current_exception();
    }
  };
  Threads others;
  for (int64_t part = 1; part < parts; ++part)
    others.start([&read_part, part] { read_part(part); });
  read_part(0);
  others.join();
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
}

/// Rows [first, first + n) of a tensor, as stored or converted.
std::vector<char> read_rows(const Checkpoint& checkpoint, const TensorInfo& info, int64_t first,
                            int64_t n, DType dtype, int threads) {
  const int64_t cols = info.cols();
  std::vector<char> stored(size_t(n * row_bytes(info.dtype, cols)));
  read_parallel(checkpoint, info, first, n, threads, stored.data());
  if (info.dtype == dtype) return stored;
  std::vector<char> converted(size_t(n * row_bytes(dtype, cols)));
  convert_rows(stored.data(), info.dtype, converted.data(), dtype, n, cols);
  return converted;
}

/// Reads tensors one after the other, a few rows at a time, and hands them to the backend: beside the
/// weights themselves there is a staging buffer that stays in the cache.
class Loader {
 public:
  Loader(const Checkpoint& checkpoint, Backend& backend, const LoadOptions& options)
      : checkpoint_(checkpoint), backend_(backend), options_(options) {
    for (const TensorInfo& t : checkpoint.tensors())
      if (!is_tied_head(t, checkpoint.config())) progress_.bytes_total += t.bytes();
  }

  Weight matrix(const std::string& name, int64_t out, int64_t in, WeightUse use) {
    const TensorInfo& info = require_tensor(checkpoint_, name, {out, in});
    const DType dtype = held_dtype(info, options_);
    if (is_quantized(dtype) && in % kQuantBlock != 0)
      fail("tensor {}: expected rows of whole blocks of {} for {}, got {} columns (in {})", name,
           kQuantBlock, name_of(dtype), in, checkpoint_.path());
    Weight weight = backend_.allocate_weight(dtype, out, in, use);
    const int64_t row = std::max(row_bytes(info.dtype, in), row_bytes(dtype, in));
    const int64_t at_once = round_up(std::max<int64_t>(1, kStagingBytes / row), kImportRows);
    for (int64_t first = 0; first < out; first += at_once) {
      const int64_t rows = std::min(at_once, out - first);
      backend_.import_rows(weight, first, {read(info, dtype, first, rows), dtype, {rows, in}});
    }
    return weight;
  }

  Vector vector(const std::string& name, int64_t n) {
    const void* host = read(require_tensor(checkpoint_, name, {n}), DType::kF32, 0, 1);
    Vector v;
    v.storage = backend_.allocate(n * 4, MemoryKind::kWeights);
    v.view = {v.storage.data(), DType::kF32, {n}};
    backend_.upload(v.storage.data(), host, n * 4);
    return v;
  }

  int64_t elements_read() const { return elements_; }

 private:
  /// Rows of a tensor as `dtype`, valid until the next call.
  void* read(const TensorInfo& info, DType dtype, int64_t first_row, int64_t rows) {
    throw_if(options_.cancelled);
    const int64_t cols = info.cols(), bytes = rows * row_bytes(info.dtype, cols);
    stored_.resize(size_t(bytes));
    read_parallel(checkpoint_, info, first_row, rows, backend_.threads(), stored_.data());
    elements_ += rows * cols;
    progress_.bytes_done += bytes;
    if (options_.progress) options_.progress(progress_);
    if (info.dtype == dtype) return stored_.data();
    converted_.resize(size_t(rows * row_bytes(dtype, cols)));
    convert_rows(stored_.data(), info.dtype, converted_.data(), dtype, rows, cols);
    return converted_.data();
  }

  const Checkpoint& checkpoint_;
  Backend& backend_;
  const LoadOptions& options_;
  LoadProgress progress_;
  int64_t elements_ = 0;
  std::vector<char> stored_, converted_;
};

LayerWeights load_layer(Loader& load, const ModelConfig& c, const std::string& layer) {
  const auto linear = [&](const char* name, int64_t out, int64_t in) {
    return load.matrix(layer + name + ".weight", out, in, WeightUse::kLinear);
  };
  LayerWeights w;
  w.attn_norm = load.vector(layer + "input_layernorm.weight", c.dim);
  w.wq = linear("self_attn.q_proj", c.q_dim(), c.dim);
  w.wk = linear("self_attn.k_proj", c.kv_dim(), c.dim);
  w.wv = linear("self_attn.v_proj", c.kv_dim(), c.dim);
  w.wo = linear("self_attn.o_proj", c.dim, c.q_dim());
  if (c.qkv_bias) {
    w.bias_q = load.vector(layer + "self_attn.q_proj.bias", c.q_dim());
    w.bias_k = load.vector(layer + "self_attn.k_proj.bias", c.kv_dim());
    w.bias_v = load.vector(layer + "self_attn.v_proj.bias", c.kv_dim());
  }
  if (c.qk_norm) {
    w.q_norm = load.vector(layer + "self_attn.q_norm.weight", c.head_dim);
    w.k_norm = load.vector(layer + "self_attn.k_norm.weight", c.head_dim);
  }
  w.ffn_norm = load.vector(layer + "post_attention_layernorm.weight", c.dim);
  w.w_gate = linear("mlp.gate_proj", c.ffn_dim, c.dim);
  w.w_up = linear("mlp.up_proj", c.ffn_dim, c.dim);
  w.w_down = linear("mlp.down_proj", c.dim, c.ffn_dim);
  return w;
}

}  // namespace

DType held_dtype(const TensorInfo& tensor, const LoadOptions& options) {
  if (tensor.shape.rank < 2) return DType::kF32;
  if (options.as_stored) return tensor.dtype;
  const bool table = tensor.name == kEmbedding || tensor.name == kHead;
  return table ? embedding_dtype(options.dtype) : options.dtype;
}

int64_t held_bytes(const TensorInfo& tensor, const LoadOptions& options) {
  const DType dtype = held_dtype(tensor, options);
  const int64_t cols = is_quantized(dtype) ? round_up(tensor.cols(), kQuantBlock) : tensor.cols();
  return checked_mul(tensor.rows(), row_bytes(dtype, cols), "weight bytes");
}

int64_t weight_bytes(const Checkpoint& checkpoint, const LoadOptions& options) {
  int64_t bytes = 0;
  for (const TensorInfo& t : checkpoint.tensors()) {
    if (is_tied_head(t, checkpoint.config())) continue;
    bytes = checked_add(bytes, held_bytes(t, options), "weight bytes");
  }
  return bytes;
}

void check_tied_head(const Checkpoint& checkpoint, int threads, CancelCheck cancelled) {
  const TensorInfo *head = nullptr, *embedding = checkpoint.find(kEmbedding);
  if (checkpoint.config().tied_embeddings && embedding) head = checkpoint.find(kHead);
  if (!head) return;
  const auto refuse = [&](const std::string& what) {
    fail(
        "tensor {}: expected the values of {}, since the configuration ties the two "
        "(tie_word_embeddings), got {} (in {}); set it to false where the head is meant, or remove "
        "the head",
        kHead, kEmbedding, what, checkpoint.path());
  };
  if (head->shape != embedding->shape) refuse("shape " + to_string(head->shape));
  const DType dtype = head->dtype == embedding->dtype ? head->dtype : DType::kF32;
  const int64_t step = std::max<int64_t>(1, kStagingBytes / row_bytes(DType::kF32, head->cols()));
  for (int64_t row = 0; row < head->rows(); row += step) {
    throw_if(cancelled);
    const int64_t n = std::min(step, head->rows() - row);
    if (read_rows(checkpoint, *head, row, n, dtype, threads) !=
        read_rows(checkpoint, *embedding, row, n, dtype, threads))
      refuse(fmt::format("others in rows {} to {}", row, row + n - 1));
  }
}

Weights load_weights(const Checkpoint& checkpoint, Backend& backend, const LoadOptions& options) {
  const ModelConfig& c = checkpoint.config();
  check_tied_head(checkpoint, backend.threads(), options.cancelled);
  Loader load(checkpoint, backend, options);
  Weights weights;
  const WeightUse use = c.tied_embeddings ? WeightUse::kTiedEmbedding : WeightUse::kEmbedding;
  weights.embedding = load.matrix(kEmbedding, c.vocab, c.dim, use);
  for (int64_t i = 0; i < c.n_layers; ++i)
    weights.layers.push_back(load_layer(load, c, fmt::format("model.layers.{}.", i)));
  weights.final_norm = load.vector("model.norm.weight", c.dim);
  if (!c.tied_embeddings) weights.head = load.matrix(kHead, c.vocab, c.dim, WeightUse::kHead);
  weights.dtype = weights.embedding.view.dtype;
  if (load.elements_read() != c.parameters())
    fail("parameters: expected {} by the configuration, got {} (in {})", c.parameters(),
         load.elements_read(), checkpoint.path());
  return weights;
}

}  // namespace qwench
