// Values are looked at as bits: without the sign, a larger float is a larger integer, and NaN and
// Inf are the largest.
#include "bench/accuracy/stability.h"

#include <algorithm>
#include <cstring>

#include "bench/support/output.h"

namespace qwench::bench {

namespace {

constexpr uint32_t kInfinity = 0x7f800000u;

uint32_t magnitude(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits & 0x7fffffffu;
}

float from_magnitude(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

uint32_t largest_magnitude(const float* values, int64_t n) {
  uint32_t most = 0;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, magnitude(values[i]));
  return most;
}

OpRange& range_of(std::vector<OpRange>& ranges, const OpOutput& output, Phase phase) {
  for (OpRange& range : ranges)
    if (range.op == output.op && range.kernel == output.kernel && range.phase == phase)
      return range;
  OpRange range{};
  range.op = output.op, range.kernel = output.kernel, range.phase = phase;
  ranges.push_back(range);
  return ranges.back();
}

}  // namespace

OpObserver StabilityWatch::observer() {
  return [this](Backend& backend, const OpOutput& output) { add(backend, output); };
}

void StabilityWatch::add(Backend& backend, const OpOutput& output) {
  OpRange& range = range_of(seen_.ranges, output, backend.phase());
  const int64_t n = output.tensor.shape.count();
  host_.resize(std::max(host_.size(), size_t(n)));
  backend.download(host_.data(), output.tensor.data, output.tensor.bytes());
  ++range.outputs;
  uint32_t most = largest_magnitude(host_.data(), n);
  if (most >= kInfinity) {
    most = 0;
    for (int64_t i = 0; i < n; ++i) {
      const uint32_t m = magnitude(host_[size_t(i)]);
      range.nan += m > kInfinity, range.inf += m == kInfinity;
      if (m < kInfinity) most = std::max(most, m);
    }
    if (seen_.first_nonfinite.empty())
      seen_.first_nonfinite = fmt::format("op {}, kernel {}, {}", name_of(output.op), output.kernel,
                                          output.layer < 0 ? std::string("outside the layers")
                                                           : fmt::format("layer {}", output.layer));
  }
  const double value = from_magnitude(most);
  if (value > range.max_abs) range.max_abs = value, range.layer = output.layer;
}

int64_t Stability::nonfinite() const {
  int64_t n = 0;
  for (const OpRange& range : ranges) n += range.nan + range.inf;
  return n;
}

const OpRange* Stability::largest(std::optional<Phase> phase) const {
  const OpRange* most = nullptr;
  for (const OpRange& range : ranges)
    if ((!phase || range.phase == *phase) && (!most || range.max_abs > most->max_abs))
      most = &range;
  return most;
}

std::string kernels_text(const Stability& stability) {
  std::string of[kPhases];
  for (const OpRange& r : stability.ranges)
    of[size_t(r.phase)] += fmt::format(" {}={}", name_of(r.op), r.kernel);
  const std::string &prefill = of[size_t(Phase::kPrefill)], &decode = of[size_t(Phase::kDecode)];
  if (prefill == decode) return prefill.empty() ? "" : "prefill and decode" + prefill;
  return (prefill.empty() ? "" : "prefill" + prefill) +
         (prefill.empty() || decode.empty() ? "" : "; ") +
         (decode.empty() ? "" : "decode" + decode);
}

OrderedJson to_json(const Stability& stability) {
  OrderedJson ops = OrderedJson::array();
  int64_t nan = 0, inf = 0;
  for (const OpRange& r : stability.ranges) {
    nan += r.nan, inf += r.inf;
    ops.push_back({{"op", name_of(r.op)},
                   {"kernel", r.kernel},
                   {"phase", name_of(r.phase)},
                   {"outputs", r.outputs},
                   {"nan", r.nan},
                   {"inf", r.inf},
                   {"max_abs", r.max_abs},
                   {"layer", r.layer < 0 ? OrderedJson(nullptr) : OrderedJson(r.layer)},
                   {"f16_headroom", finite_or_null(r.f16_headroom())}});
  }
  const OpRange* largest = stability.largest();
  OrderedJson first = nullptr;
  if (!stability.first_nonfinite.empty()) first = stability.first_nonfinite;
  return {
      {"nan", nan},
      {"inf", inf},
      {"max_abs", largest ? OrderedJson(largest->max_abs) : OrderedJson(nullptr)},
      {"f16_headroom", largest ? finite_or_null(largest->f16_headroom()) : OrderedJson(nullptr)},
      {"first_nonfinite", first},
      {"ops", ops}};
}

}  // namespace qwench::bench
