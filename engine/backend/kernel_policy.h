// Which kernels the user insists on: "op=kernel" choices from --kernel, printed in every report.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "engine/ops/ops.h"

namespace qwench {

class KernelPolicy {
 public:
  /// Adds one choice: "op=kernel", or "reference" (every op at its reference, compositions for the
  /// ops made of others). UsageError on an unknown op; the backend checks kernel names.
  void add(std::string_view choice);

  /// Name of the kernel that `Op` must use, or "" when free. Forcing a part of a level-2 op forces
  /// "composed" on that op, so that `linear=eigen` reaches every matmul.
  template <class Args>
  std::string_view forced() const {
    const std::string& own = choice_[size_t(id_of<Args>())];
    if (!own.empty()) return own;
    bool part_forced = false;
    Args::Parts::for_each([&](auto part) {
      part_forced |= !choice_[size_t(id_of<typename decltype(part)::type>())].empty();
    });
    return part_forced ? "composed" : "";
  }

  /// "linear=eigen,attention=reference", or "default".
  std::string to_string() const;

 private:
  std::array<std::string, kNumOps> choice_;
};

}  // namespace qwench
