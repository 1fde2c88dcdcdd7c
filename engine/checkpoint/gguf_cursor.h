// Reading the fields of a GGUF header one after the other.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/checkpoint/gguf.h"

namespace qwench {

/// Walks the header from byte 0. Reads ahead in steps, so that what a file claims is never
/// allocated before it is known to be there.
class GgufCursor {
 public:
  GgufCursor(const GgufHeader::Read& read, int64_t file_bytes, const std::string& where)
      : read_(read), file_bytes_(file_bytes), where_(where) {}

  int64_t at() const { return at_; }
  int64_t left() const { return file_bytes_ - at_; }
  const std::string& where() const { return where_; }

  /// The next bytes; valid until the next call.
  const char* take(uint64_t bytes, std::string_view what) {
    if (bytes > uint64_t(left()))
      fail(
          "{}: {} at byte {}: expected {} bytes, got {} before the end: the file is truncated or "
          "damaged; download it again",
          where_, what, at_, bytes, left());
    const int64_t end = at_ + int64_t(bytes);
    if (end > kMaxGgufHeader)
      fail("{}: {} at byte {}: expected a header of at most {} bytes, got {} or more", where_, what,
           at_, kMaxGgufHeader, end);
    load(end);
    const char* from = loaded_.data() + at_;
    at_ = end;
    return from;
  }
  uint32_t u32(std::string_view what) { return number<uint32_t>(what); }
  uint64_t u64(std::string_view what) { return number<uint64_t>(what); }

  /// A length and that many bytes.
  std::string_view string(uint64_t min, uint64_t max, std::string_view what) {
    const int64_t begin = at_;
    const uint64_t length = u64(what);
    if (length < min || (length > max && length <= uint64_t(left())))
      fail("{}: {} at byte {}: expected {} to {} bytes, got {}", where_, what, begin, min, max,
           length);
    return {take(length, what), size_t(length)};
  }

  /// What was read already.
  const char* again(int64_t at) const { return loaded_.data() + at; }

  std::string release() {
    loaded_.resize(size_t(at_));
    loaded_.shrink_to_fit();
    return std::move(loaded_);
  }

 private:
  template <class T>
  T number(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof value, what), sizeof value);
    return value;
  }
  void load(int64_t end) {
    constexpr int64_t kStep = 1 << 16;
    const int64_t have = int64_t(loaded_.size());
    if (end <= have) return;
    const int64_t want = std::min(file_bytes_, std::max({end, have * 2, kStep}));
    loaded_.resize(size_t(want));
    read_(have, want - have, loaded_.data() + have);
  }

  const GgufHeader::Read& read_;
  int64_t file_bytes_;
  const std::string& where_;
  std::string loaded_;
  int64_t at_ = 0;
};

}  // namespace qwench
