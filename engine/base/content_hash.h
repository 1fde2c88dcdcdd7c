// A fingerprint of bytes, to notice that a file is not the one it was. Against accidents, not against
// somebody who wants two files to have the same one.
#pragma once
#include <cstdint>
#include <cstring>

namespace qwench {

class ContentHash {
 public:
  /// The same calls with the same bytes give the same value.
  void add(const void* data, int64_t bytes) {
    mix(uint64_t(bytes));
    const char* at = static_cast<const char*>(data);
    for (; bytes >= 8; bytes -= 8, at += 8) mix(word(at, 8));
    if (bytes > 0) mix(word(at, size_t(bytes)));
  }
  void add(uint64_t value) { mix(value); }
  uint64_t value() const { return state_; }

 private:
  static uint64_t word(const char* at, size_t bytes) {
    uint64_t w = 0;
    std::memcpy(&w, at, bytes);
    return w;
  }
  /// One round of Murmur's finaliser over the state: every input bit reaches every state bit.
  void mix(uint64_t w) {
    state_ = (state_ ^ w) * 0xff51afd7ed558ccdull;
    state_ = (state_ ^ (state_ >> 33)) * 0xc4ceb9fe1a85ec53ull;
    state_ ^= state_ >> 29;
  }
  uint64_t state_ = 0x9e3779b97f4a7c15ull;
};

}  // namespace qwench
