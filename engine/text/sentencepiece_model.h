// A look into a sentencepiece model before the library sees it. The library (up to 0.2.1) trusts
// its file: long pieces overflow the stack, and offsets in the normaliser's trie are followed
// unchecked.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qwench {

enum class PieceKind { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

struct SentencePieces {
  std::vector<std::string> pieces;  // by id, as spelled in the model
  std::vector<PieceKind> kinds;
};

/// Reads the pieces and checks all that the library would trust: field lengths, count (1 .. 2^20),
/// piece length (1 .. 1024 bytes, UTF-8), kinds, duplicates, one unknown piece, the normaliser's
/// trie.
SentencePieces check_sentencepiece_model(std::string_view bytes, std::string_view where);

}  // namespace qwench
