// The part of the protobuf wire format that ModelProto uses, and the double array of darts-clone.
#include "engine/text/sentencepiece_model.h"

#include <unordered_set>

#include "engine/base/check.h"
#include "engine/base/json.h"
#include "engine/text/utf8.h"

namespace qwench {
namespace {

constexpr size_t kMaxPieces = 1 << 20, kMaxPieceBytes = 1024;

/// One message's fields in order. Every length is checked against the bytes that are there.
class Fields {
 public:
  Fields(std::string_view bytes, std::string_view where) : rest_(bytes), where_(where) {}

  uint32_t number = 0, wire = 0;
  uint64_t value = 0;      // varint
  std::string_view bytes;  // length-delimited, or the 4 or 8 bytes of a fixed field

  bool next() {
    if (rest_.empty()) return false;
    const uint64_t key = varint();
    number = uint32_t(key >> 3);
    wire = uint32_t(key & 7);
    if (key >> 32 != 0 || number == 0)
      fail("{}: field number out of range; not a sentencepiece model", where_);
    if (wire == 0)
      value = varint();
    else if (wire == 1)
      bytes = take(8);
    else if (wire == 2)
      bytes = take(varint());
    else if (wire == 5)
      bytes = take(4);
    else
      fail("{}: wire type {} in the protobuf; not a sentencepiece model", where_, wire);
    return true;
  }
  void expect_wire(uint32_t type, const char* name) const {
    if (wire != type) fail("{}: {} has wire type {}, expected {}", where_, name, wire, type);
  }

 private:
  uint64_t varint() {
    uint64_t out = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = uint8_t(take(1)[0]);
      out |= uint64_t(byte & 0x7F) << shift;
      if (byte < 0x80) return out;
    }
    fail("{}: number of more than 10 bytes in the protobuf", where_);
  }
  std::string_view take(uint64_t count) {
    if (count > rest_.size())
      fail("{}: field of {} bytes with {} left; the file is cut off or not a sentencepiece model",
           where_, count, rest_.size());
    const std::string_view out = rest_.substr(0, size_t(count));
    rest_.remove_prefix(size_t(count));
    return out;
  }

  std::string_view rest_, where_;
};

uint32_t little_endian32(std::string_view bytes, size_t at) {
  uint32_t out = 0;
  for (size_t i = 4; i-- > 0;) out = out << 8 | uint8_t(bytes[at + i]);
  return out;
}

void read_piece(std::string_view message, std::string_view where, SentencePieces& out) {
  Fields field(message, where);
  std::string_view piece;
  uint64_t kind = 1;
  const size_t id = out.pieces.size();
  while (field.next()) {
    if (field.number == 1) {
      field.expect_wire(2, "piece");
      piece = field.bytes;
    } else if (field.number == 2) {
      field.expect_wire(5, "score");
      const uint32_t bits = little_endian32(field.bytes, 0);
      if ((bits >> 23 & 0xFF) == 0xFF) fail("piece {}: its score is not finite ({})", id, where);
    } else if (field.number == 3) {
      field.expect_wire(0, "type");
      kind = field.value;
    }
  }
  if (piece.empty() || piece.size() > kMaxPieceBytes || !is_utf8(piece) ||
      piece.find('\0') != piece.npos)
    fail("piece {}: expected 1 to {} bytes of UTF-8, got {} bytes ({})", id, kMaxPieceBytes,
         piece.size(), where);
  if (kind < 1 || kind > 6)
    fail("piece {}: expected a type from 1 to 6, got {} ({})", id, kind, where);
  if (id >= kMaxPieces) fail("pieces: expected at most {}, got more ({})", kMaxPieces, where);
  out.pieces.emplace_back(piece);
  out.kinds.push_back(PieceKind(kind));
}

/// Layout: u32 trie bytes, the trie (u32 units), strings that each end in NUL. A lookup goes from
/// unit i to i ^ offset ^ byte, so each branching unit must stay inside with any byte; a leaf's
/// value is where its string begins. Leaves (top bit set) are never branched from.
void check_charsmap(std::string_view map, std::string_view where) {
  if (map.empty()) return;
  const auto bad = [&](const char* what) { fail("precompiled_charsmap: {} ({})", what, where); };
  if (map.size() < 4) bad("cut off");
  const size_t trie_bytes = little_endian32(map, 0);
  if (trie_bytes % 4 != 0 || trie_bytes < 1024 || trie_bytes > map.size() - 4)
    bad("impossible trie size");
  const std::string_view strings = map.substr(4 + trie_bytes);
  if (strings.empty() || strings.back() != '\0') bad("its strings do not end");
  const size_t units = trie_bytes / 4;
  for (size_t i = 0; i < units; ++i) {
    const uint32_t unit = little_endian32(map, 4 + i * 4);
    if (unit >> 31) continue;
    const size_t target = i ^ ((unit >> 10) << ((unit & (1u << 9)) >> 6));
    if ((target | 255) >= units) bad("an offset leads out of the trie");
    if ((unit >> 8 & 1) && (little_endian32(map, 4 + target * 4) & 0x7FFFFFFF) >= strings.size())
      bad("a value leads out of the strings");
  }
}

void check_normalizer(std::string_view message, std::string_view where) {
  Fields field(message, where);
  while (field.next()) {
    if (field.number != 2) continue;
    field.expect_wire(2, "precompiled_charsmap");
    check_charsmap(field.bytes, where);
  }
}

}  // namespace

SentencePieces check_sentencepiece_model(std::string_view bytes, std::string_view where) {
  SentencePieces out;
  Fields field(bytes, where);
  while (field.next()) {
    if (field.number == 1 || field.number == 3 || field.number == 5) {
      field.expect_wire(2, "a part of the model");
      if (field.number == 1)
        read_piece(field.bytes, where, out);
      else
        check_normalizer(field.bytes, where);
    }
  }
  std::unordered_set<std::string_view> seen;
  int unknown = 0;
  for (size_t id = 0; id < out.pieces.size(); ++id) {
    if (!seen.insert(out.pieces[id]).second)
      fail("piece {}: {} is there twice ({})", id, in_quotes(out.pieces[id]), where);
    unknown += out.kinds[id] == PieceKind::kUnknown;
  }
  if (unknown != 1)
    fail("{}: expected one unknown piece, got {} in {} pieces", where, unknown, out.pieces.size());
  return out;
}

}  // namespace qwench
