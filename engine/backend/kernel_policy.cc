// Parsing and printing of forced kernel choices.
#include "engine/backend/kernel_policy.h"

#include <algorithm>

namespace qwench {

namespace {
std::string known_ops() {
  std::string names;
  for (std::string_view name : kOpNames) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}
}  // namespace

void KernelPolicy::add(std::string_view choice) {
  if (choice == "reference") {
    for_each_op([this](auto tag) {
      using Args = typename decltype(tag)::type;
      choice_[size_t(id_of<Args>())] = kHasParts<Args> ? "composed" : "reference";
    });
    return;
  }
  const size_t equals = choice.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == choice.size())
    fail_usage("--kernel: expected op=name or 'reference', got '{}'; `--kernel list` shows all",
               choice);
  const std::string_view op = choice.substr(0, equals), kernel = choice.substr(equals + 1);
  const auto at = std::find(kOpNames.begin(), kOpNames.end(), op);
  if (at == kOpNames.end()) fail_usage("--kernel: unknown op '{}'; ops are {}", op, known_ops());
  choice_[size_t(at - kOpNames.begin())] = std::string(kernel);
}

std::string KernelPolicy::to_string() const {
  std::string text;
  for (size_t i = 0; i < choice_.size(); ++i)
    if (!choice_[i].empty())
      text += (text.empty() ? "" : ",") + std::string(kOpNames[i]) + "=" + choice_[i];
  return text.empty() ? "default" : text;
}

}  // namespace qwench
