// Limits and words; the trials themselves are in kernel_trial.h and kernel_contest.cc.
#include "bench/kernels/kernel_trial.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "bench/accuracy/rounding.h"

namespace qwench::bench {

namespace {

constexpr int64_t kTrialTokens = 8,
                  kManyTokens = 33;  // 33: beyond the tiles of most kernels, and odd

/// |a - b| in units of the last place of b; of the smallest normal number where b is smaller.
double ulps(float a, float b) {
  const float size = std::max(std::fabs(b), std::numeric_limits<float>::min());
  return std::fabs(double(a) - double(b)) / (double(std::nextafter(size, INFINITY)) - double(size));
}

/// False where a is not finite.
bool add(const std::vector<float>& a, const std::vector<float>& b, Deviation& to) {
  double error = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = double(a[i]) - double(b[i]);
    if (!std::isfinite(difference)) return false;
    to.max_abs = std::max(to.max_abs, std::fabs(difference));
    to.max_ulp = std::max(to.max_ulp, ulps(a[i], b[i]));
    error += difference * difference, size += double(b[i]) * double(b[i]);
  }
  to.nmse = std::max(to.nmse, size > 0 ? error / size : (error > 0 ? INFINITY : 0));
  return true;
}

int tensors_of(OpId op, const OpSizes& sizes) {
  int n = 0;
  with_op(op, [&](auto tag) {
    NoMemory none;
    const auto args = example<typename decltype(tag)::type>(sizes, none);
    for_each_field<TensorView>(args, [&](Use, const TensorView& t) { n += t ? 1 : 0; });
  });
  return n;
}

/// "with bias": the inputs of the op that a model may have or not, as far as they are there.
std::string_view optional_inputs(OpId op) {
  constexpr std::pair<bool OpSizes::*, std::string_view> kOptions[] = {
      {&OpSizes::bias, "bias"}, {&OpSizes::qk_norm, "norms of the heads"}};
  for (const auto& [option, words] : kOptions) {
    OpSizes with, without;
    with.*option = true, without.*option = false;
    if (tensors_of(op, with) > tensors_of(op, without)) return words;
  }
  return "";
}

}  // namespace

Deviation deviation_of(const Outputs& got, const Outputs& expected) {
  Deviation deviation;
  for (size_t i = 0; i < got.size(); ++i)
    if (!add(got[i], expected[i], deviation)) return {INFINITY, INFINITY, INFINITY};
  return deviation;
}

/// fp16 storage may round to the neighbour. Token ids are exact.
double nmse_limit(OpId op, InputPrecision inputs, DType kv_dtype) {
  if (op == id_of<ArgmaxArgs>() || op == id_of<EmbedArgs>()) return 0;
  const bool stores_kv = op == id_of<KvStoreArgs>() || op == id_of<QkNormRopeArgs>();
  const bool rounds = inputs == InputPrecision::kF32 && stores_kv && kv_dtype != DType::kF32;
  return rounds ? 1e-7 : op_nmse_limit(inputs);
}

std::string beyond(const Deviation& deviation, double limit) {
  if (deviation.nmse <= limit) return {};
  if (std::isinf(deviation.nmse) && std::isinf(deviation.max_abs))
    return "NaN or Inf, or numbers that were never written";
  return fmt::format("NMSE {:.1e}, at most {:.1e}", deviation.nmse, limit);
}

std::vector<TrialSizes> trial_sizes(OpId op, const OpSizes& timed) {
  OpSizes all = timed, none = timed;
  all.n_tokens = none.n_tokens = kTrialTokens;
  all.n_seq = 1, none.n_seq = kTrialTokens;
  all.depth = std::max<int64_t>(timed.depth, 3);
  all.bias = all.qk_norm = true;
  none.bias = none.qk_norm = false;
  none.residual = true;
  all.eps = 0.25f, all.scale = 0.75f, all.limit = 0.5;
  none.into_up = none.ties = none.tanh = true;
  OpSizes one = all, many = all;
  one.n_tokens = 1, many.n_tokens = kManyTokens;
  const std::string_view inputs = optional_inputs(op);
  const auto words = [&](int64_t n, const char* form) {
    return fmt::format("{} token{}{}", n, n == 1 ? "" : "s",
                       inputs.empty() ? "" : fmt::format(" {} {}", form, inputs));
  };
  return {{words(kTrialTokens, "with"), all},
          {words(1, "with"), one},
          {words(kManyTokens, "with"), many},
          {words(kTrialTokens, "without") + (op == id_of<LinearArgs>() ? ", added to y" : "") +
               ", each of a sequence of its own",
           none}};
}

std::string first_difference(OpId op, const Outputs& a, const Outputs& b, int64_t n_tokens) {
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t k = 0; k < a[i].size(); ++k) {
      if (std::memcmp(&a[i][k], &b[i][k], sizeof(float)) == 0) continue;
      const bool cache = op == id_of<KvStoreArgs>() || (op == id_of<QkNormRopeArgs>() && i > 0);
      if (cache) return "the keys and values";
      return fmt::format("token {}", k / std::max<size_t>(1, a[i].size() / size_t(n_tokens)));
    }
  return {};
}

std::string promise_broken(const std::string& where, const char* how) {
  return fmt::format("promises the same bits for any rows and threads; those of {} differ {}",
                     where, how);
}

}  // namespace qwench::bench
