// Tensors as data: a view borrows memory, a Buffer (memory.h) owns it. Row-major, contiguous,
// rank <= 4. `data` may be a device address: only the backend that allocated it may follow it.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "engine/base/check.h"
#include "engine/base/dtype.h"

namespace qwench {

struct Shape {
  std::array<int64_t, 4> dim{};
  int rank = 0;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) {
    QWENCH_CHECK(dims.size() <= 4);
    for (int64_t d : dims) dim[size_t(rank++)] = d;
  }
  int64_t operator[](int i) const { return dim[size_t(i)]; }
  int64_t count() const {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= dim[size_t(i)];
    return n;
  }
  bool operator==(const Shape& o) const { return rank == o.rank && dim == o.dim; }
  bool operator!=(const Shape& o) const { return !(*this == o); }
};

/// "[2, 3]".
inline std::string to_string(const Shape& s) {
  std::string text = "[";
  for (int i = 0; i < s.rank; ++i) text += (i ? ", " : "") + std::to_string(s[i]);
  return text + "]";
}

struct TensorView {
  void* data = nullptr;
  DType dtype = DType::kF32;
  Shape shape;

  explicit operator bool() const { return data != nullptr; }
  int64_t cols() const { return shape.rank ? shape[shape.rank - 1] : 0; }
  int64_t rows() const { return cols() ? shape.count() / cols() : 0; }
  int64_t bytes() const { return rows() * row_bytes(dtype, cols()); }
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
  template <class T>
  T* row(int64_t r) const {
    return static_cast<T*>(data) + r * cols();
  }
  /// Rows [first, first + n) of a [rows, cols] view.
  TensorView slice(int64_t first, int64_t n) const {
    return {static_cast<char*>(data) + first * row_bytes(dtype, cols()), dtype, {n, cols()}};
  }
};

/// A weight matrix as kernels see it. A backend holds the layouts that its chosen kernels read:
/// `plain` row-major, `packed` in the backend's own order; data is null for a layout not held.
struct WeightView {
  DType dtype = DType::kF32;
  int64_t out = 0, in = 0;
  const void* plain = nullptr;   // [out, in]
  const void* packed = nullptr;  // layout private to the backend
  TensorView order = {};         // [in] i32 or null: column k is multiplied with x[order[k]]

  int64_t bytes() const { return out * row_bytes(dtype, in); }
};

}  // namespace qwench
