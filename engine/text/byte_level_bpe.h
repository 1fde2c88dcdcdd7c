// Byte-level BPE, the tokenizer of every official Qwen. Each of the 256 bytes is a token, so every
// text can be encoded and nothing is ever unknown. Immutable after construction; thread-safe.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/text/added_tokens.h"
#include "engine/text/pretokenizer.h"
#include "engine/text/tokenizer.h"

namespace qwench {

/// Pair of token ids -> what it merges into and how early. Open addressing: one cache line a
/// lookup.
class MergeTable {
 public:
  struct Merge {
    uint32_t rank;  // lower merges first
    int32_t id;     // the merged token
  };
  void reserve(size_t merges);
  /// False when the pair is there already.
  bool insert(int32_t left, int32_t right, Merge merge);
  const Merge* find(int32_t left, int32_t right) const;

  struct Entry {
    int32_t left, right;
    Merge merge;
  };
  /// All of them, in no order.
  std::vector<Entry> entries() const;

 private:
  struct Slot {
    uint64_t pair = UINT64_MAX;  // no pair: ids are below 2^31
    Merge merge{};
  };
  size_t slot_of(uint64_t pair) const;
  std::vector<Slot> slots_;
  size_t used_ = 0;
};

/// What a loader has read. The constructor of ByteLevelBpe checks that it fits together.
struct BpeParts {
  PreTokenizer rule = PreTokenizer::kQwen2;
  bool nfc = true;
  std::vector<std::string> tokens;  // bytes by id; an added token's place is its content or ""
  std::vector<AddedToken> added;
  MergeTable merges;
};

class ByteLevelBpe : public Tokenizer {
 public:
  /// Error (naming `where`) when an id below the highest one has no token, a token or an added
  /// token is there twice, or one of the 256 bytes has no token.
  ByteLevelBpe(BpeParts parts, std::string_view where);

  std::vector<int32_t> encode_parts(std::string_view text,
                                    const std::vector<TextRange>& literal) const override;
  std::string token_bytes(int32_t id) const override;
  bool is_special(int32_t id) const override;
  int32_t size() const override { return int32_t(parts_.tokens.size()); }
  const BpeParts& parts() const { return parts_; }
  std::optional<int32_t> find(std::string_view token) const override;

 private:
  struct Work;  // buffers of one encode() call
  void place_added(std::string_view where);
  void index_bytes(std::string_view where);
  void check_id(int32_t id) const;
  struct AddedTries {
    AddedTokenTrie raw, normalized;
  };
  void encode_between(std::string_view text, const AddedTokenTrie& normalized, Work& work) const;
  void end_run(Work& work) const;
  void merge_piece(std::string_view piece, Work& work) const;

  BpeParts parts_;
  std::array<int32_t, 256> byte_ids_{};
  std::vector<bool> special_;
  std::unordered_map<std::string, int32_t> added_ids_;
  AddedTries added_;  // all of them
  AddedTries words_;  // without the special ones: what is found in literal text
};

}  // namespace qwench
