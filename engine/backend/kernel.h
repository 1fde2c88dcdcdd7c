// A kernel is one way to compute an op; a list of kernels, best first, is all a backend knows of
// it.
#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/ops/fields.h"

namespace qwench {

/// The execution resource of a backend (CPU: the thread team). Kernels get it, nobody else looks
/// in.
class Stream {
 protected:
  ~Stream() = default;
};

/// Which layout of a WeightView a kernel reads; what import() has to hold.
enum class Layout : unsigned char { kPlain, kPacked };

/// What a kernel rounds its inputs to before it multiplies them.
enum class InputPrecision : unsigned char { kF32, kBF16, kInt8, kInt7 };
constexpr std::array<std::string_view, 4> kInputPrecisionNames = {"f32", "bf16", "int8", "int7"};
constexpr std::string_view name_of(InputPrecision p) { return kInputPrecisionNames[size_t(p)]; }
constexpr std::optional<InputPrecision> input_precision_of(std::string_view name) {
  for (size_t i = 0; i < kInputPrecisionNames.size(); ++i)
    if (name == kInputPrecisionNames[i]) return InputPrecision(i);
  return std::nullopt;
}

/// A function; or one with a context, which comes first among its arguments: a kernel that is known
/// only at run time.
template <class Result, class... A>
class KernelFunction {
 public:
  using Plain = Result (*)(A...);
  using Bound = Result (*)(const void* context, A...);

  template <class F, std::enable_if_t<std::is_convertible_v<F, Plain>, int> = 0>
  constexpr KernelFunction(F function) : plain_(function) {}
  /// Contract: the context is not null.
  constexpr KernelFunction(Bound function, const void* context)
      : bound_(function), context_(context) {}
  Result operator()(A... args) const {
    return context_ ? bound_(context_, args...) : plain_(args...);
  }

 private:
  Plain plain_ = nullptr;
  Bound bound_ = nullptr;
  const void* context_ = nullptr;
};

template <class Args>
struct Kernel {
  std::string_view name;
  // nullptr: can run these args, options apart; else the reason why not. Ask refusal().
  KernelFunction<const char*, const Args&> unsupported;
  KernelFunction<void, const Args&, Stream&> run;
  Layout reads = Layout::kPlain;
  bool invariant = true;  // same bits for any thread count, batch and prefill chunk
  InputPrecision inputs = InputPrecision::kF32;
  std::string_view plugin = {};  // where it comes from, "" where built in; runs only when forced
  OptionSet honours = {};        // optional inputs that it reads; with others it is never called
};

/// The same row, which reads these optional inputs too.
template <class Args>
constexpr Kernel<Args> honouring(Kernel<Args> kernel, OptionSet options) {
  kernel.honours = options;
  return kernel;
}

/// Why the kernel cannot run these args, which make use of these options, or null.
template <class Args>
const char* refusal(const Kernel<Args>& kernel, const Args& args, OptionSet used) {
  for (size_t i = 0; i < kOptionMissing.size(); ++i)
    if (used.has(Option(i)) && !kernel.honours.has(Option(i))) return kOptionMissing[i];
  return kernel.unsupported(args);
}
template <class Args>
const char* refusal(const Kernel<Args>& kernel, const Args& args) {
  return refusal(kernel, args, options_of(args));
}

/// A view of a constant array of kernels.
template <class Args>
struct KernelList {
  const Kernel<Args>* first = nullptr;
  const Kernel<Args>* last = nullptr;

  KernelList() = default;
  template <size_t N>
  KernelList(const Kernel<Args> (&rows)[N]) : first(rows), last(rows + N) {}
  template <size_t N>
  KernelList(const std::array<Kernel<Args>, N>& rows) : first(rows.data()), last(first + N) {}
  explicit KernelList(const std::vector<Kernel<Args>>& rows)
      : first(rows.data()), last(first + rows.size()) {}
  const Kernel<Args>* begin() const { return first; }
  const Kernel<Args>* end() const { return last; }
  bool empty() const { return first == last; }
};

/// `unsupported` of a kernel that runs everything its op allows.
template <class Args>
const char* always_supported(const Args&) {
  return nullptr;
}

}  // namespace qwench
