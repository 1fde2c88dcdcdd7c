// Random numbers by splitmix64: fast enough for gigabytes, the same on every machine.
#include "bench/model/backend_memory.h"

#include <cmath>

#include "engine/base/splitmix64.h"
#include "engine/formats/q4_0.h"
#include "engine/formats/q4g.h"
#include "engine/formats/q8_0.h"

namespace qwench::bench {

namespace {
constexpr int64_t kGuardBytes =
    64 << 10;  // rows that are one too many, too; keeps the alignment of a buffer
constexpr char kGuardByte = '\x5a';
}  // namespace

std::vector<char> BackendMemory::random(int64_t n, float scale, DType dtype) {
  constexpr int64_t kBlock = 4096;
  std::vector<char> bytes(size_t(n * size_of(dtype)));
  std::vector<float> block(static_cast<size_t>(kBlock));
  for (int64_t start = 0; start < n; start += kBlock) {
    const int64_t count = std::min(kBlock, n - start);
    for (int64_t i = 0; i < count; ++i)
      block[size_t(i)] = scale * (float(next_splitmix64(state_) >> 40) * 0x1p-23f - 1);
    convert(block.data(), DType::kF32, bytes.data() + start * size_of(dtype), dtype, count);
  }
  return bytes;
}

std::vector<char> BackendMemory::random_blocks(int64_t out, int64_t in, float scale, DType dtype) {
  std::vector<char> bytes(size_t(out * row_bytes(dtype, in)));
  for (char& byte : bytes) byte = char(next_splitmix64(state_) >> 56);
  const auto set = [&](int64_t at, const void* value, size_t n) {
    std::memcpy(bytes.data() + at, value, n);
  };
  if (dtype == DType::kQ4G) {  // every head byte is valid; grids reach 32, block scales 31
    const float row_scale = scale / (32 * 31);
    for (int64_t r = 0; r < out; ++r) set(r * row_bytes(dtype, in), &row_scale, sizeof row_scale);
    return bytes;
  }
  const bool q8 = dtype == DType::kQ8_0;
  const int64_t block = q8 ? sizeof(BlockQ8_0) : sizeof(BlockQ4_0);
  for (int64_t at = 0; at < int64_t(bytes.size()); at += block) {
    const float part = 0.5f + float(next_splitmix64(state_) >> 40) * 0x1p-25f;  // 0.5 to 1
    const uint16_t d = f32_to_f16(part * scale / (q8 ? 127 : 8));
    set(at, &d, sizeof d);
  }
  return bytes;
}

void* BackendMemory::store(const void* host, int64_t bytes) {
  buffers_.push_back(backend_.allocate(bytes + 2 * kGuardBytes, MemoryKind::kScratch));
  char* data = static_cast<char*>(buffers_.back().data());
  const std::vector<char> guard(size_t(kGuardBytes), kGuardByte);
  backend_.upload(data, guard.data(), kGuardBytes);
  backend_.upload(data + kGuardBytes, host, bytes);
  backend_.upload(data + kGuardBytes + bytes, guard.data(), kGuardBytes);
  return data + kGuardBytes;
}

bool BackendMemory::guards_intact() const {
  std::vector<char> seen(static_cast<size_t>(kGuardBytes));
  for (const Buffer& buffer : buffers_)
    for (const int64_t at : {int64_t(0), buffer.bytes() - kGuardBytes}) {
      backend_.download(seen.data(), static_cast<const char*>(buffer.data()) + at, kGuardBytes);
      for (const char byte : seen)
        if (byte != kGuardByte) return false;
    }
  return true;
}

TensorView BackendMemory::values(Shape shape) {
  const std::vector<char> host = random(shape.count(), 1, DType::kF32);
  return {store(host.data(), int64_t(host.size())), DType::kF32, shape};
}

TensorView BackendMemory::ties(Shape shape) {
  std::vector<float> host;
  for (int64_t i = 0; i < shape.count(); ++i) host.push_back(float(next_splitmix64(state_) % 5));
  return {store(host.data(), shape.count() * 4), DType::kF32, shape};
}

TensorView BackendMemory::room(Shape shape, DType dtype) {
  // NaN as f32, an id that no vocabulary has as i32.
  const std::vector<uint32_t> host(static_cast<size_t>(shape.count()), 0x7fc00000u);
  return {store(host.data(), shape.count() * size_of(dtype)), dtype, shape};
}

TensorView BackendMemory::sequence(int64_t n, int64_t start, int64_t step, int64_t limit) {
  std::vector<int32_t> host;
  for (int64_t i = 0; i < n; ++i) host.push_back(int32_t((start + i * step) % limit));
  return {store(host.data(), n * 4), DType::kI32, {n}};
}

WeightView BackendMemory::weight(int64_t out, int64_t in, DType dtype, WeightUse use) {
  // Scaled so that a row of products adds up to about one, as in a trained model.
  const auto scale = float(std::sqrt(3.0 / double(in)));
  const std::vector<char> host =
      is_quantized(dtype) ? random_blocks(out, in, scale, dtype) : random(out * in, scale, dtype);
  weights_.push_back(
      backend_.import(TensorView{const_cast<char*>(host.data()), dtype, {out, in}}, use));
  return weights_.back().view;
}

TensorView BackendMemory::stored(Shape shape, DType dtype) {
  const std::vector<char> host = random(shape.count(), 1, dtype);
  return {store(host.data(), int64_t(host.size())), dtype, shape};
}

std::vector<float> to_host(Backend& backend, const TensorView& tensor) {
  std::vector<char> bytes(static_cast<size_t>(tensor.bytes()));
  backend.download(bytes.data(), tensor.data, tensor.bytes());
  std::vector<float> values(static_cast<size_t>(tensor.shape.count()));
  if (tensor.dtype == DType::kI32) {
    const auto* ids = reinterpret_cast<const int32_t*>(bytes.data());
    for (size_t i = 0; i < values.size(); ++i) values[i] = float(ids[i]);
  } else {
    convert(bytes.data(), tensor.dtype, values.data(), DType::kF32, int64_t(values.size()));
  }
  return values;
}

}  // namespace qwench::bench
