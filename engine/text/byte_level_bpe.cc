// Encoding: added tokens on the raw text, NFC of what is between them, pre-split, merges by rank.
#include "engine/text/byte_level_bpe.h"

#include <algorithm>
#include <functional>

#include "engine/base/check.h"
#include "engine/base/json.h"
#include "engine/text/unicode.h"
#include "engine/text/utf8.h"

namespace qwench {
namespace {

constexpr size_t kMaxText = size_t(1)
                            << 28;  // positions are 32-bit; NFC makes text up to 3x longer

}  // namespace

void MergeTable::reserve(size_t merges) {
  QWENCH_CHECK(used_ == 0);
  size_t slots = 16;
  while (slots < merges * 2) slots *= 2;
  slots_.assign(slots, Slot{});
}

size_t MergeTable::slot_of(uint64_t pair) const {
  const size_t mask = slots_.size() - 1;
  uint64_t hash = pair * 0x9E3779B97F4A7C15u;  // Fibonacci hashing: the high bits are well mixed
  hash ^= hash >> 32;
  size_t slot = size_t(hash) & mask;
  while (slots_[slot].pair != pair && slots_[slot].pair != UINT64_MAX) slot = (slot + 1) & mask;
  return slot;
}

bool MergeTable::insert(int32_t left, int32_t right, Merge merge) {
  if (slots_.empty()) reserve(8);
  if ((used_ + 1) * 2 > slots_.size()) {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.pair != UINT64_MAX) slots_[slot_of(slot.pair)] = slot;
    }
  }
  const uint64_t pair = uint64_t(left) << 32 | uint32_t(right);
  Slot& slot = slots_[slot_of(pair)];
  if (slot.pair == pair) return false;
  slot = {pair, merge};
  ++used_;
  return true;
}

const MergeTable::Merge* MergeTable::find(int32_t left, int32_t right) const {
  if (slots_.empty()) return nullptr;
  const Slot& slot = slots_[slot_of(uint64_t(left) << 32 | uint32_t(right))];
  return slot.pair == UINT64_MAX ? nullptr : &slot.merge;
}

std::vector<MergeTable::Entry> MergeTable::entries() const {
  std::vector<Entry> entries;
  entries.reserve(used_);
  for (const Slot& slot : slots_)
    if (slot.pair != UINT64_MAX)
      entries.push_back({int32_t(slot.pair >> 32), int32_t(slot.pair & UINT32_MAX), slot.merge});
  return entries;
}

/// A piece under work is a linked list of symbols and a heap of the merges that were possible when
/// they were pushed, lowest rank and then leftmost first. An entry that is out of date when it
/// comes up is skipped: the pair that stands at its place now does not merge with its rank.
struct ByteLevelBpe::Work {
  struct Symbol {
    int32_t id, previous, next;  // id -1: merged into its left neighbour
  };
  std::vector<Symbol> symbols;
  std::vector<uint64_t>
      heap;                  // rank << 32 | index of the left symbol: small, so sifting stays cheap
  std::string run;           // normalised text since the last added token
  std::vector<int32_t> ids;  // the result

  const MergeTable::Merge* merge_at(const MergeTable& merges, int32_t at) const {
    if (at < 0) return nullptr;
    const Symbol& left = symbols[size_t(at)];
    return left.id < 0 || left.next < 0 ? nullptr
                                        : merges.find(left.id, symbols[size_t(left.next)].id);
  }
  void push(const MergeTable& merges, int32_t at) {
    const MergeTable::Merge* merge = merge_at(merges, at);
    if (!merge) return;
    heap.push_back(uint64_t(merge->rank) << 32 | uint32_t(at));
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  }
};

ByteLevelBpe::ByteLevelBpe(BpeParts parts, std::string_view where) : parts_(std::move(parts)) {
  index_bytes(where);
  place_added(where);
  for (size_t id = 0; id < parts_.tokens.size(); ++id) {
    if (parts_.tokens[id].empty())
      fail("vocabulary: expected a token for every id below {}, got none for id {} ({})",
           parts_.tokens.size(), id, where);
  }
}

void ByteLevelBpe::place_added(std::string_view where) {
  size_t size = parts_.tokens.size();
  const size_t most = size + parts_.added.size();  // ids without holes cannot go further
  for (const AddedToken& token : parts_.added) {
    if (token.id < 0 || size_t(token.id) >= most)
      fail("added token {}: expected an id from 0 to {} (ids have no holes), got {} ({})",
           in_quotes(token.content), most - 1, token.id, where);
    size = std::max(size, size_t(token.id) + 1);
  }
  parts_.tokens.resize(size);
  special_.assign(size, false);
  std::vector<bool> taken(size, false);
  for (const AddedToken& token : parts_.added) {
    const size_t id = size_t(token.id);
    std::string& place = parts_.tokens[id];
    if (taken[id] || (!place.empty() && place != token.content)) {
      fail("added token {}: its id {} belongs to another token already ({})",
           in_quotes(token.content), token.id, where);
    }
    if (!added_ids_.emplace(token.content, token.id).second)
      fail("added token {}: there twice ({})", in_quotes(token.content), where);
    taken[id] = true;
    place = token.content;
    special_[id] = token.special;
    const std::string content =
        token.normalized && parts_.nfc ? to_nfc(token.content) : token.content;
    const bool word = !token.special && !is_control_name(token.content);
    for (AddedTries* tries : {&added_, &words_})
      if (tries == &added_ || word)
        (token.normalized ? tries->normalized : tries->raw).insert(content, token.id);
  }
}

void ByteLevelBpe::index_bytes(std::string_view where) {
  byte_ids_.fill(-1);
  for (size_t id = 0; id < parts_.tokens.size(); ++id) {
    const std::string& token = parts_.tokens[id];
    if (token.size() != 1) continue;
    int32_t& place = byte_ids_[uint8_t(token[0])];
    if (place >= 0)
      fail("vocabulary: byte 0x{:02x} is both id {} and id {} ({})", uint8_t(token[0]), place, id,
           where);
    place = int32_t(id);
  }
  for (int byte = 0; byte < 256; ++byte) {
    if (byte_ids_[size_t(byte)] < 0)
      fail(
          "vocabulary: expected a token for each of the 256 bytes, got none for byte 0x{:02x} ({})",
          byte, where);
  }
}

std::vector<int32_t> ByteLevelBpe::encode_parts(std::string_view text,
                                                const std::vector<TextRange>& literal) const {
  if (text.size() > kMaxText)
    fail("text: expected at most {} bytes, got {}; split it", kMaxText, text.size());
  Work work;
  for (const TextPart& part : split_parts(text, literal)) {
    const AddedTries& tries = part.literal ? words_ : added_;
    std::string valid;
    std::string_view rest = part.text;
    if (!is_utf8(rest)) rest = valid = replace_invalid_utf8(rest);
    for (size_t at = 0; at < rest.size();) {
      const auto match = tries.raw.find(rest, at);
      encode_between(rest.substr(at, match ? match->begin - at : rest.npos), tries.normalized,
                     work);
      if (!match) break;
      end_run(work);
      work.ids.push_back(match->id);
      at = match->end;
    }
  }
  end_run(work);
  return std::move(work.ids);
}

/// Normalised part by part: the templates that parts come from end in characters that compose with
/// nothing, so that the whole text would give the same.
void ByteLevelBpe::encode_between(std::string_view text, const AddedTokenTrie& normalized,
                                  Work& work) const {
  std::string composed;
  if (parts_.nfc) text = composed = to_nfc(text);
  for (size_t at = 0; at < text.size();) {
    const auto match = normalized.find(text, at);
    work.run += text.substr(at, match ? match->begin - at : text.npos);
    if (!match) break;
    end_run(work);
    work.ids.push_back(match->id);
    at = match->end;
  }
}

/// The pieces of the text since the last added token.
void ByteLevelBpe::end_run(Work& work) const {
  const std::string_view run = work.run;
  for (size_t at = 0; at < run.size();) {
    const size_t length = next_piece(parts_.rule, run, at);
    merge_piece(run.substr(at, length), work);
    at += length;
  }
  work.run.clear();
}

/// O(n log n): every merge removes a symbol and pushes at most two candidates.
void ByteLevelBpe::merge_piece(std::string_view piece, Work& work) const {
  auto& symbols = work.symbols;
  const int32_t n = int32_t(piece.size());
  symbols.clear();
  work.heap.clear();
  for (int32_t i = 0; i < n; ++i)
    symbols.push_back({byte_ids_[uint8_t(piece[size_t(i)])], i - 1, i + 1 < n ? i + 1 : -1});
  for (int32_t i = 0; i + 1 < n; ++i) work.push(parts_.merges, i);
  while (!work.heap.empty()) {
    const uint64_t best = work.heap.front();
    std::pop_heap(work.heap.begin(), work.heap.end(), std::greater<>());
    work.heap.pop_back();
    const int32_t at = int32_t(best & 0xFFFFFFFF);
    const MergeTable::Merge* merge = work.merge_at(parts_.merges, at);
    if (!merge || merge->rank != best >> 32) continue;
    Work::Symbol& left = symbols[size_t(at)];
    Work::Symbol& right = symbols[size_t(left.next)];
    left.id = merge->id;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) symbols[size_t(left.next)].previous = at;
    work.push(parts_.merges, left.previous);
    work.push(parts_.merges, at);
  }
  for (int32_t i = 0; i >= 0; i = symbols[size_t(i)].next)
    work.ids.push_back(symbols[size_t(i)].id);
}

void ByteLevelBpe::check_id(int32_t id) const {
  if (id < 0 || id >= size())
    fail("token id: expected 0 to {}, got {} (no token of this tokenizer)", size() - 1, id);
}

std::string ByteLevelBpe::token_bytes(int32_t id) const {
  check_id(id);
  return parts_.tokens[size_t(id)];
}

bool ByteLevelBpe::is_special(int32_t id) const {
  check_id(id);
  return special_[size_t(id)];
}

std::optional<int32_t> ByteLevelBpe::find(std::string_view token) const {
  const auto found = added_ids_.find(std::string(token));
  return found == added_ids_.end() ? std::nullopt : std::optional<int32_t>(found->second);
}

}  // namespace qwench
