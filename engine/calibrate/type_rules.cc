// Names are those of Hugging Face's checkpoints, wherever the model comes from.
#include "engine/calibrate/type_rules.h"

#include "engine/base/check.h"
#include "engine/checkpoint/random.h"

namespace qwench {

namespace {

constexpr std::string_view kPrefix = "model.", kSuffix = ".weight";

bool is_table(std::string_view name) { return name == "embed_tokens" || name == "lm_head"; }

/// "model.layers.12.mlp.up_proj.weight" -> 12; -1 for a tensor outside the layers.
int64_t layer_of(const std::string& name) {
  constexpr std::string_view kLayers = "model.layers.";
  if (name.compare(0, kLayers.size(), kLayers) != 0) return -1;
  return std::stoll(name.substr(kLayers.size()));
}

DType wanted_type(const TypeRules& rules, std::string_view name) {
  DType type = is_table(name) ? rules.embedding : rules.layers;
  for (const TypeRule& rule : rules.exceptions)
    if (matches_glob(rule.pattern, name)) type = rule.type;
  return type;
}

PlannedTensor plan_tensor(const TypeRules& rules, const TensorInfo& from) {
  PlannedTensor tensor;
  tensor.from = tensor.to = from;
  tensor.to.stored.clear();
  tensor.to.dtype = DType::kF32;
  if (from.shape.rank == 1) return tensor;
  const DType type = wanted_type(rules, short_name(from.name));
  tensor.odd_rows = is_quantized(type) && from.cols() % kQuantBlock != 0;
  tensor.to.dtype = tensor.odd_rows ? DType::kBF16 : type;
  return tensor;
}

void check_exceptions(const TypeRules& rules, const std::vector<PlannedPart>& parts) {
  for (const TypeRule& rule : rules.exceptions) {
    bool used = false;
    for (const PlannedPart& part : parts)
      for (const PlannedTensor& t : part.tensors)
        used |= t.from.shape.rank == 2 && matches_glob(rule.pattern, short_name(t.from.name));
    if (!used)
      fail_usage(
          "--type: expected a pattern that matches a matrix, such as layers.*.down_proj, "
          "embed_tokens or layers.0.self_attn.q_proj, got '{}', which matches none",
          rule.pattern);
  }
}

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = pattern.npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*') {
      ++p, ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++, resume = t;
    } else if (star != pattern.npos) {  // let the last star take one letter more
      p = star + 1, t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string_view short_name(std::string_view name) {
  if (name.substr(0, kPrefix.size()) == kPrefix) name.remove_prefix(kPrefix.size());
  if (name.size() > kSuffix.size() && name.substr(name.size() - kSuffix.size()) == kSuffix)
    name.remove_suffix(kSuffix.size());
  return name;
}

int64_t PlannedPart::weights() const {
  int64_t n = 0;
  for (const PlannedTensor& t : tensors) n += t.from.shape.count();
  return n;
}

std::vector<PlannedPart> plan_parts(const Checkpoint& checkpoint, const TypeRules& rules) {
  std::vector<PlannedPart> parts(1);
  parts[0].name = "embedding";
  for (const TensorInfo& expected : expected_tensors(checkpoint.config(), DType::kF32)) {
    const int64_t layer = layer_of(expected.name);
    if (expected.name == "model.norm.weight")
      parts.push_back({"head", -1, {}});
    else if (layer >= 0 && layer != parts.back().layer)
      parts.push_back({fmt::format("layer {}", layer), layer, {}});
    parts.back().tensors.push_back(
        plan_tensor(rules, require_tensor(checkpoint, expected.name, expected.shape)));
  }
  check_exceptions(rules, parts);
  return parts;
}

}  // namespace qwench
