// splitmix64 (Steele, Lea, Flood 2014; constants in the public domain): random numbers that are the
// same bits on every machine, by hashing a counter.
#pragma once
#include <cstdint>

namespace qwench {

/// The hash: neighbouring inputs give unrelated outputs.
inline uint64_t splitmix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// The generator: the next number of the stream that `state` is at.
inline uint64_t next_splitmix64(uint64_t& state) {
  const uint64_t number = splitmix64(state);
  state += 0x9e3779b97f4a7c15u;
  return number;
}

}  // namespace qwench
