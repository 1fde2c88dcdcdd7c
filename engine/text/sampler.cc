// In the order of transformers' processors: bias, repetition penalty (and presence penalty), minimal
// length, suppressed ids; then temperature, top-k, top-p, min-p and one draw. All in double; ids
// that fall out get weight 0.
#include "engine/text/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "engine/base/check.h"

namespace qwench {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

std::string out_of(const char* name, const char* expected, double got) {
  return fmt::format("{}: expected {}, got {}", name, expected, got);
}

}  // namespace

std::string describe_invalid(const SamplerOptions& o) {
  // Written so that a NaN fails every test.
  if (!(o.temperature >= 0 && o.temperature < kInf))
    return out_of("temperature", "a number from 0", o.temperature);
  if (!(o.top_p >= 0 && o.top_p <= 1)) return out_of("top_p", "a number from 0 to 1", o.top_p);
  if (!(o.min_p >= 0 && o.min_p <= 1)) return out_of("min_p", "a number from 0 to 1", o.min_p);
  if (!(o.repetition_penalty >= 0.001 && o.repetition_penalty <= 1000))
    return out_of("repetition_penalty", "a number from 0.001 to 1000", o.repetition_penalty);
  if (!(o.presence_penalty >= -1000 && o.presence_penalty <= 1000))
    return out_of("presence_penalty", "a number from -1000 to 1000", o.presence_penalty);
  if (o.top_k < 0) return fmt::format("top_k: expected an integer from 0, got {}", o.top_k);
  for (const LogitBias& bias : o.logit_bias)
    if (!(std::abs(bias.bias) <= 1e30))
      return out_of("sequence_bias", "a number from -1e30 to 1e30", bias.bias);
  return "";
}

double uniform_at(uint64_t seed, uint64_t position) {
  uint32_t c[4] = {uint32_t(position), uint32_t(position >> 32), 0, 0};
  uint32_t key[2] = {uint32_t(seed), uint32_t(seed >> 32)};
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t(0xD2511F53) * c[0], p1 = uint64_t(0xCD9E8D57) * c[2];
    const uint32_t next[4] = {uint32_t(p1 >> 32) ^ c[1] ^ key[0], uint32_t(p1),
                              uint32_t(p0 >> 32) ^ c[3] ^ key[1], uint32_t(p0)};
    std::copy(next, next + 4, c);
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return double((uint64_t(c[0]) << 32 | c[1]) >> 11) * 0x1p-53;
}

Sampler::Sampler(const SamplerOptions& options, int64_t vocab) : options_(options), vocab_(vocab) {
  QWENCH_CHECK(vocab > 0 && vocab <= std::numeric_limits<int32_t>::max());
  const std::string wrong = describe_invalid(options);
  if (!wrong.empty()) fail_usage("{}", wrong);
  if (!options.draws() && !options.processes()) return;
  scores_.resize(size_t(vocab));
  seen_.assign(size_t(vocab), 0);
  if (options.top_k > 0 && options.top_k < vocab) largest_.reserve(size_t(options.top_k) + 1);
  if (options.top_p < 1) nucleus_.reserve(size_t(vocab));
}

int32_t Sampler::sample(const float* logits, const TokenHistory& history) {
  prepare(logits, history);
  if (scores_.empty()) return int32_t(std::max_element(logits, logits + vocab_) - logits);
  if (!options_.draws()) return argmax();
  const double target = uniform_at(options_.seed, history.size) * weigh();
  double sum = 0;
  int32_t last =
      0;  // rounding may leave the target a hair above the sum: then the last one with weight
  for (int64_t id = 0; id < vocab_; ++id) {
    const double weight = scores_[size_t(id)];
    if (weight == 0) continue;
    sum += weight;
    last = int32_t(id);
    if (target < sum) break;
  }
  return last;
}

std::vector<double> Sampler::probabilities(const float* logits, const TokenHistory& history) {
  std::vector<double> out(size_t(vocab_), 0.0);
  if (!options_.draws()) {
    out[size_t(sample(logits, history))] = 1;
    return out;
  }
  prepare(logits, history);
  const double total = weigh();
  for (size_t id = 0; id < out.size(); ++id) out[id] = scores_[id] / total;
  return out;
}

/// Checks the logits; where more than their argmax counts, leaves them processed in scores_.
void Sampler::prepare(const float* logits, const TokenHistory& history) {
  QWENCH_CHECK(history.n_prompt <= history.size);
  bool any = false;
  for (int64_t id = 0; id < vocab_; ++id) {
    const float logit = logits[id];
    if (std::isnan(logit) || logit == std::numeric_limits<float>::infinity())
      fail(
          "logits: expected finite numbers, got {} for token {} (nonfinite); the model's numbers "
          "overflowed",
          logit, id);
    any = any || logit > -std::numeric_limits<float>::infinity();
  }
  if (!any)
    fail("logits: expected a token that may be emitted, got -inf for all {} of them", vocab_);
  if (scores_.empty()) return;
  std::copy(logits, logits + vocab_, scores_.begin());
  if (options_.processes()) process(history);
}

/// Ids beyond the vocabulary are padding rows, or of a file for another one: nothing to change.
void Sampler::process(const TokenHistory& history) {
  const auto change = [&](int32_t id, double by) {
    if (id >= 0 && id < vocab_) scores_[size_t(id)] += by;
  };
  for (const LogitBias& bias : options_.logit_bias) change(bias.id, bias.bias);
  penalize(history);
  const int64_t length = int64_t(history.size), produced = length - int64_t(history.n_prompt);
  if (length < options_.min_length || produced < options_.min_new_tokens)
    for (const int32_t id : options_.ends) change(id, -kInf);
  for (const int32_t id : options_.suppressed) change(id, -kInf);
}

void Sampler::penalize(const TokenHistory& history) {
  const auto each_once = [&](size_t begin, const auto& apply) {
    if (++call_ == 0) {  // wrapped: forget all marks
      std::fill(seen_.begin(), seen_.end(), 0u);
      call_ = 1;
    }
    for (size_t i = begin; i < history.size; ++i) {
      const int32_t id = history.ids[i];
      if (id < 0 || id >= vocab_ || seen_[size_t(id)] == call_)
        continue;  // padding rows are allowed
      seen_[size_t(id)] = call_;
      apply(scores_[size_t(id)]);
    }
  };
  const double penalty = options_.repetition_penalty, presence = options_.presence_penalty;
  if (penalty != 1) each_once(0, [&](double& l) { l = l > 0 ? l / penalty : l * penalty; });
  if (presence != 0) each_once(history.n_prompt, [&](double& l) { l -= presence; });
}

int32_t Sampler::argmax() const {
  const auto best = std::max_element(scores_.begin(), scores_.end());
  if (*best == -kInf)
    fail(
        "logits: the processors ban every token that could be emitted; relax the model's "
        "suppress_tokens, bad_words_ids or sequence_bias");
  return int32_t(best - scores_.begin());
}

/// scores_ becomes weights (probabilities up to their sum, which is returned; the largest is 1).
/// Temperature keeps the order, so top-k comes first, on numbers that cannot have underflowed.
double Sampler::weigh() {
  keep_top_k();
  const double max = scores_[size_t(argmax())];
  // Dividing the difference instead of the logit: no overflow at any temperature.
  for (double& score : scores_) score = std::exp((score - max) / options_.temperature);
  if (options_.top_p < 1) keep_top_p();
  double sum = 0;
  for (double& weight : scores_) {
    if (weight < options_.min_p) weight = 0;  // the largest weight is exactly 1
    sum += weight;
  }
  return sum;
}

void Sampler::keep_top_k() {
  if (options_.top_k == 0 || options_.top_k >= vocab_) return;
  largest_.clear();
  for (const double score : scores_) {  // a heap with its smallest first
    if (int64_t(largest_.size()) == options_.top_k) {
      if (!(score > largest_.front())) continue;
      std::pop_heap(largest_.begin(), largest_.end(), std::greater<>());
      largest_.back() = score;
    } else {
      largest_.push_back(score);
    }
    std::push_heap(largest_.begin(), largest_.end(), std::greater<>());
  }
  const double threshold = largest_.front();
  for (double& score : scores_) {
    if (score < threshold) score = -kInf;
  }
}

/// Keeps ids in falling order while the mass above them is below top_p: the same set that
/// transformers keeps by removing ids whose ascending cumulative mass is at most 1 - top_p.
/// Of equal weights the lower id stays. A heap, since the nucleus is usually a few ids of many.
void Sampler::keep_top_p() {
  double sum = 0;
  nucleus_.clear();
  for (int64_t id = 0; id < vocab_; ++id) {
    if (scores_[size_t(id)] == 0) continue;
    sum += scores_[size_t(id)];
    nucleus_.push_back(int32_t(id));
  }
  const auto worse = [this](int32_t a, int32_t b) {
    const double x = scores_[size_t(a)], y = scores_[size_t(b)];
    return x != y ? x < y : a > b;
  };
  std::make_heap(nucleus_.begin(), nucleus_.end(), worse);
  auto end = nucleus_.end();  // [begin, end) is the heap; what was popped, and stays, is behind it
  double above = 0;
  do {
    above += scores_[size_t(nucleus_.front())];
    std::pop_heap(nucleus_.begin(), end--, worse);
  } while (end != nucleus_.begin() && above < options_.top_p * sum);
  for (auto id = nucleus_.begin(); id != end; ++id) scores_[size_t(*id)] = 0;
}

}  // namespace qwench
