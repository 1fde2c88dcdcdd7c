// One pass over input_ids, watched from outside: logits chunk by chunk, hidden states through the
// session's layer hooks and the backend's observers, then the greedy ids.
#include "bench/accuracy/golden.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "bench/accuracy/divergence.h"
#include "bench/gradients/block_ops.h"
#include "bench/model/backend_memory.h"
#include "bench/model/greedy.h"
#include "engine/base/check.h"
#include "engine/checkpoint/safetensors.h"

namespace qwench::bench {
namespace {

constexpr const char* kFile = "expected.safetensors";
constexpr int64_t kMaxTokens = 1 << 20;

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t dim : shape) text += (text.empty() ? "" : ", ") + std::to_string(dim);
  return "[" + text + "]";
}

/// expected.safetensors with every tensor that is asked for checked first.
class Expected {
 public:
  explicit Expected(const std::string& folder) : file_(folder + "/" + kFile) {}

  bool has(const char* name) const { return file_.find(name) != nullptr; }

  /// The ids of a rank-1 tensor, I32 or I64, each in [0, vocab).
  std::vector<int32_t> ids(const char* name, int64_t vocab) const {
    const StoredTensor& t = at(name);
    const int64_t size = t.dtype == "I64" ? 8 : 4;
    if ((t.dtype != "I32" && t.dtype != "I64") || t.shape.size() != 1 || t.shape[0] < 1 ||
        t.shape[0] > kMaxTokens)
      fail("{}: tensor {}: expected I32 or I64 [1 to {}], got {} {}", file_.path(), name,
           kMaxTokens, t.dtype, shape_text(t.shape));
    std::vector<char> bytes(size_t(t.end - t.begin));
    file_.read(t, 0, int64_t(bytes.size()), bytes.data());
    std::vector<int32_t> out;
    for (int64_t i = 0; i < t.shape[0]; ++i) {
      int64_t wide = 0;
      int32_t narrow = 0;
      if (size == 8) std::memcpy(&wide, &bytes[size_t(i * size)], 8);
      if (size == 4) std::memcpy(&narrow, &bytes[size_t(i * size)], 4);
      const int64_t id = size == 8 ? wide : narrow;
      if (id < 0 || id >= vocab)
        fail("{}: tensor {}: expected ids from 0 to {}, got {} at [{}]", file_.path(), name,
             vocab - 1, id, i);
      out.push_back(int32_t(id));
    }
    return out;
  }

  void require_floats(const char* name, const std::vector<int64_t>& shape) const {
    const StoredTensor& t = at(name);
    if (t.dtype != "F32" || t.shape != shape)
      fail("{}: tensor {}: expected F32 {}, got {} {}", file_.path(), name, shape_text(shape),
           t.dtype, shape_text(t.shape));
  }

  /// Elements [first, first + count) of a tensor that require_floats() has passed.
  std::vector<float> floats(const char* name, int64_t first, int64_t count) const {
    std::vector<float> out(size_t(count), 0.0f);
    file_.read(at(name), first * 4, count * 4, out.data());
    for (const float v : out)
      if (!std::isfinite(v))
        fail("{}: tensor {}: expected finite numbers, got {}", file_.path(), name, v);
    return out;
  }

 private:
  const StoredTensor& at(const char* name) const {
    const StoredTensor* found = file_.find(name);
    if (!found) fail("{}: tensor {} is missing", file_.path(), name);
    return *found;
  }

  SafetensorsFile file_;
};

/// Rows of `cols` numbers; the first of ours is token `first`.
void compare(const std::vector<float>& expected, const float* ours, int64_t first, int64_t cols,
             GoldenTensor& out) {
  for (size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::fabs(double(ours[i]) - double(expected[i]));
    out.max_expected = std::max(out.max_expected, std::fabs(double(expected[i])));
    if (difference <= out.max_difference) continue;
    out.max_difference = difference;
    out.worst_row = first + int64_t(i) / cols;
  }
}

/// The residual stream of one pass as transformers reports it: [0] the embedding, [i] after layer
/// i, except that the last has been through the final norm, which is part of the head's op here and
/// computed once more.
class HiddenWatch {
 public:
  HiddenWatch(const Model& model, Session& session)
      : rows_(size_t(model.config.n_layers) + 1),
        observe_(*model.backend, [this](Backend& from, const OpOutput& out) {
          rounds_inputs_ = rounds_inputs_ || out.inputs != InputPrecision::kF32;
          if (out.op == id_of<EmbedArgs>()) rows_.front() = to_host(from, out.tensor);
        }) {
    const std::vector<float> norm = to_host(*model.backend, model.weights.final_norm.view);
    session.add_layer_hook(
        [this, norm, eps = model.config.norm_eps](Backend& from, const LayerOutput& out) {
          std::vector<float>& to = rows_[size_t(out.layer) + 1];
          to = to_host(from, out.x);
          if (size_t(out.layer) + 2 < rows_.size()) return;
          std::vector<float> inverse(size_t(out.x.rows()));
          rms_norm({out.x.rows(), out.x.cols(), eps}, to.data(), norm.data(), inverse.data(),
                   to.data());
        });
  }
  HiddenWatch(const HiddenWatch&) = delete;
  HiddenWatch& operator=(const HiddenWatch&) = delete;

  const std::vector<std::vector<float>>& rows() const { return rows_; }  // each [n of pass, dim]
  bool rounds_inputs() const { return rounds_inputs_; }

 private:
  std::vector<std::vector<float>> rows_;
  bool rounds_inputs_ = false;
  ObserverScope observe_;
};

void check_shapes(const Expected& expected, const ModelConfig& config, GoldenResult& result) {
  const int64_t n = result.n_tokens;
  expected.require_floats("logits", {n, config.vocab});
  if (expected.has("hidden_states"))
    expected.require_floats("hidden_states", {config.n_layers + 1, n, config.dim});
  else
    result.hidden_skipped = "the file has no hidden_states";
  const auto n_greedy = int64_t(result.expected_ids.size());
  if (!expected.has("greedy_margins")) return;
  expected.require_floats("greedy_margins", {n_greedy});
  result.margins = expected.floats("greedy_margins", 0, n_greedy);
}

/// What one forward pass left of the tokens [first, first + n).
struct Pass {
  int64_t first = 0, n = 0;
  const float* logits = nullptr;                  // [n, vocab]
  const std::vector<std::vector<float>>& hidden;  // [n_layers + 1] of [n, dim]
};

void compare_pass(const Expected& expected, const Pass& pass, const ModelConfig& config,
                  GoldenResult& result) {
  const int64_t first_logit = pass.first * config.vocab, n_logits = pass.n * config.vocab;
  const std::vector<float> logits = expected.floats("logits", first_logit, n_logits);
  compare(logits, pass.logits, pass.first, config.vocab, result.logits);
  for (int64_t at = 0; at < n_logits; at += config.vocab) {
    const double kl = compare_rows(&logits[size_t(at)], pass.logits + at, config.vocab, kNoNext).kl;
    result.mean_kl += kl / double(result.n_tokens);
    result.max_kl = std::max(result.max_kl, kl);
  }
  if (!expected.has("hidden_states")) return;
  result.hidden.resize(pass.hidden.size());
  for (size_t i = 0; i < pass.hidden.size(); ++i) {
    const int64_t start = (int64_t(i) * result.n_tokens + pass.first) * config.dim;
    const std::vector<float> rows = expected.floats("hidden_states", start, pass.n * config.dim);
    QWENCH_CHECK(pass.hidden[i].size() == rows.size());
    compare(rows, pass.hidden[i].data(), pass.first, config.dim, result.hidden[i]);
  }
}

}  // namespace

double GoldenTensor::relative() const {
  return max_expected > 0 ? max_difference / max_expected : max_difference;
}

int64_t GoldenResult::first_divergent() const {
  const size_t n = std::min(ids.size(), expected_ids.size());
  for (size_t i = 0; i < n; ++i)
    if (ids[i] != expected_ids[i]) return int64_t(i);
  return ids.size() == expected_ids.size() ? -1 : int64_t(n);
}

bool GoldenResult::ids_passed() const {
  const int64_t at = first_divergent();
  if (at < 0) return true;
  return rounds_inputs && size_t(at) < margins.size() &&
         double(margins[size_t(at)]) <= 2 * logits.max_difference;
}

bool GoldenResult::passed() const {
  if (rounds_inputs) return mean_kl <= limits.mean_kl && max_kl <= limits.max_kl && ids_passed();
  for (const GoldenTensor& layer : hidden)
    if (!(layer.relative() <= limits.bound)) return false;
  return logits.relative() <= limits.bound && ids_passed();
}

std::vector<std::string> golden_folders(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code failed;
  if (fs::is_regular_file(fs::path(path) / kFile, failed)) return {path};
  std::vector<std::string> folders;
  for (fs::directory_iterator entry(path, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    std::error_code ignored;
    if (fs::is_regular_file(entry->path() / kFile, ignored))
      folders.push_back(entry->path().string());
  }
  if (failed) fail("{}: {}", path, failed.message());
  if (folders.empty())
    fail(
        "{}: expected {} in it or in a folder below, got neither; make one with "
        "models/reference/make_golden.py",
        path, kFile);
  std::sort(folders.begin(), folders.end());
  return folders;
}

GoldenResult check_golden(const std::string& folder, const Model& model,
                          const GoldenOptions& options) {
  const ModelConfig& config = model.config;
  const Expected expected(folder);
  const std::vector<int32_t> input = expected.ids("input_ids", config.vocab);
  GoldenResult result;
  result.folder = folder;
  result.n_tokens = int64_t(input.size());
  result.vocab = config.vocab;
  result.limits = options;
  result.expected_ids = expected.ids("greedy_ids", config.vocab);
  check_shapes(expected, config, result);

  SessionOptions session_options;
  session_options.capacity = result.n_tokens + int64_t(result.expected_ids.size());
  session_options.kv = options.kv;
  session_options.prefill_chunk = session_options.logit_rows = options.prefill_chunk;
  Session session(model, session_options);
  const HiddenWatch watch(model, session);
  const Session::OnLogits on_logits = [&](int64_t first, int64_t n, const float* logits) {
    compare_pass(expected, {first, n, logits, watch.rows()}, config, result);
  };
  session.prefill(0, input.data(), result.n_tokens, &on_logits);
  result.rounds_inputs = watch.rounds_inputs();
  result.ids = decode_greedily(session, int64_t(result.expected_ids.size()), config.vocab);
  return result;
}

}  // namespace qwench::bench
