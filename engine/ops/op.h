// What all ops have in common. An op is one step of a forward pass as plain data: a struct <Op>Args with
// its inputs, its outputs and the options that change its meaning. It lives in one pair of files here, and
// its line in ops.h makes everything else know it. A struct has
//   kName                         the one word for it in options, reports and files
//   Parts                         the ops that it is composed of; none: it is a step of its own
//   fields(args, visit)           its tensors, each with what the op does with it
// and beside it stand the functions
//   cost(args)                    what must move and be computed, whatever the kernel
//   validate(args)                aborts unless its shapes and types agree: whoever built the args checked
//                                 everything that comes from outside
//   compose(args, run)            run(part) for its parts in order: what a fused kernel must equal
//   example(Tag, sizes, memory)   args of given sizes, for questions to kernels, for timing and for tests
// All activations are f32; tokens and what says where a token stands are i32: its slot (index in the
// sequence, where its keys and values go, and the last one it sees), its positions (what RoPE turns by, one to
// three axes) and its sequence (which has the pages).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <type_traits>

#include "engine/base/tensor.h"

namespace qwench {

struct OpSizes;          // ops/example.h
class ExampleAllocator;  // ops/example.h

/// Bytes that must move and arithmetic that must be done.
struct OpCost {
  int64_t flops = 0, bytes = 0;
};
constexpr OpCost operator+(OpCost a, OpCost b) { return {a.flops + b.flops, a.bytes + b.bytes}; }

/// What an op does with one of its tensors.
enum class Use : uint8_t {
  kRows,      // reads it; a row for every token
  kUpdate,    // reads and writes it; a row for every token
  kResult,    // writes it; a row for every token
  kConsumed,  // reads it and leaves anything in it; a row for every token
  kScratch,   // of no meaning before and after; a row for every token
  kWhole,     // reads all of it, whatever the tokens
  kLookup,    // reads the rows that the tokens name
  kStore,     // writes the rows that the tokens name
};
constexpr bool has_rows_of_tokens(Use use) { return use <= Use::kScratch; }
constexpr bool writes(Use use) {
  return use == Use::kUpdate || use == Use::kResult || use == Use::kStore;
}

/// Optional inputs that change what an op computes. A kernel says which of them it honours; args with others
/// it is never given.
enum class Option : uint8_t { kInputOrder, kBlockList, kPositionAxes, kRopeTables };
constexpr std::array<const char*, 4> kOptionMissing = {
    "reads weights whose columns lie in the order of the inputs only",
    "reads all keys up to the token: no list of blocks", "turns by one position a token only",
    "reads one table of angles for all tokens only"};

/// A set of options.
struct OptionSet {
  uint8_t bits = 0;

  constexpr OptionSet() = default;
  constexpr OptionSet(std::initializer_list<Option> options) {
    for (const Option option : options) bits = uint8_t(bits | 1u << unsigned(option));
  }
  constexpr bool has(Option option) const { return bits >> unsigned(option) & 1; }
  constexpr void add(Option option) { bits = uint8_t(bits | 1u << unsigned(option)); }
};

template <class Args>
struct Tag {
  using type = Args;
};

template <class... Args>
struct OpList {
  static constexpr size_t size = sizeof...(Args);
  /// Container<F<A>, F<B>, ...>.
  template <template <class...> class Container, template <class> class F>
  using Apply = Container<F<Args>...>;
  template <class F>
  static void for_each(F&& f) {
    (f(Tag<Args>{}), ...);
  }
  /// Place of an op in the list; `size` when it is not there.
  template <class Op>
  static constexpr size_t place() {
    size_t at = 0;
    bool found = false;
    ((found = found || std::is_same_v<Op, Args>, at += found ? 0 : 1), ...);
    return at;
  }
};

/// True for an op that is made of others.
template <class Args>
constexpr bool kHasParts = Args::Parts::size > 0;

/// Which ops read a weight; decides the layouts that a backend holds of it.
enum class WeightUse : uint8_t { kLinear, kHead, kEmbedding, kTiedEmbedding };

}  // namespace qwench
