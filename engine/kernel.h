// A kernel is one way to compute an op; a list of kernels, best first, is all a backend knows of
// it.
#pragma once
#include <array>
#include <cstddef>
#include <string_view>

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

template <class Args>
struct Kernel {
  std::string_view name;
  const char* (*unsupported)(const Args&);  // nullptr: can run these args; else the reason why not
  void (*run)(const Args&, Stream&);
  Layout reads = Layout::kPlain;
  bool invariant = true;  // same bits for any thread count, batch and prefill chunk
  InputPrecision inputs = InputPrecision::kF32;
};

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
