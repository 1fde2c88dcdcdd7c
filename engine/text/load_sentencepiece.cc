// A sentencepiece model (CodeQwen1.5, conversions by others) through the sentencepiece library,
// where the build has it. The model is checked first; see sentencepiece_model.h.
#include "engine/check.h"
#include "engine/file.h"
#include "engine/text/load_tokenizer.h"
#include "engine/text/sentencepiece_model.h"
#include "engine/text/utf8.h"

#if QWENCH_HAVE_SENTENCEPIECE
#include <sentencepiece_processor.h>

#include <charconv>

namespace qwench {
namespace {

constexpr size_t kMaxText = 64 << 20;
constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581 stands for a space

/// The bytes a piece puts into text; the "<0x0A>" of byte pieces is that byte.
std::string piece_bytes(const std::string& piece, PieceKind kind, int64_t id,
                        const std::string& where) {
  if (kind == PieceKind::kByte) {
    unsigned value = 256;
    if (piece.size() == 6 && piece.compare(0, 3, "<0x") == 0 && piece[5] == '>')
      std::from_chars(piece.data() + 3, piece.data() + 5, value, 16);
    if (value > 255)
      fail("piece {}: expected <0x00> to <0xFF>, got {} ({})", id, in_quotes(piece), where);
    return std::string(1, char(value));
  }
  std::string out;
  for (size_t at = 0; at < piece.size();) {
    if (piece.compare(at, kSpace.size(), kSpace) == 0) {
      out += ' ';
      at += kSpace.size();
    } else {
      out += piece[at++];
    }
  }
  return out;
}

/// Text decoded from it begins with the space the model puts before a word, where it does.
class SentencePieceTokenizer : public Tokenizer {
 public:
  SentencePieceTokenizer(const std::string& bytes, const std::string& where) {
    const SentencePieces model = check_sentencepiece_model(bytes, where);
    const auto status = processor_.LoadFromSerializedProto(bytes);
    if (!status.ok()) fail("{}: sentencepiece refuses it: {}", where, status.ToString());
    if (processor_.GetPieceSize() != int(model.pieces.size()))
      fail("{}: expected {} pieces, sentencepiece has {}", where, model.pieces.size(),
           processor_.GetPieceSize());
    for (size_t id = 0; id < model.pieces.size(); ++id) {
      const PieceKind kind = model.kinds[id];
      tokens_.push_back(piece_bytes(model.pieces[id], kind, int64_t(id), where));
      special_.push_back(kind == PieceKind::kControl);
      if (kind != PieceKind::kControl && kind != PieceKind::kUserDefined) continue;
      added_.insert(model.pieces[id], int32_t(id));
      added_ids_.emplace(model.pieces[id], int32_t(id));
    }
  }

  std::vector<int32_t> encode(std::string_view text, bool parse_special) const override {
    if (text.size() > kMaxText)
      fail("text: expected at most {} bytes, got {}; split it", kMaxText, text.size());
    const std::string valid = replace_invalid_utf8(text);
    text = valid;
    std::vector<int32_t> ids;
    for (size_t at = 0; at < text.size();) {
      const auto match = parse_special ? added_.find(text, at) : std::nullopt;
      encode_between(text.substr(at, match ? match->begin - at : text.npos), ids);
      if (!match) break;
      ids.push_back(match->id);
      at = match->end;
    }
    return ids;
  }
  std::string token_bytes(int32_t id) const override { return tokens_[checked(id)]; }
  bool is_special(int32_t id) const override { return special_[checked(id)]; }
  int32_t size() const override { return int32_t(tokens_.size()); }
  std::optional<int32_t> find(std::string_view token) const override {
    const auto found = added_ids_.find(std::string(token));
    return found == added_ids_.end() ? std::nullopt : std::optional<int32_t>(found->second);
  }

 private:
  void encode_between(std::string_view text, std::vector<int32_t>& ids) const {
    std::vector<int> part;
    const auto status = processor_.Encode(std::string(text), &part);
    if (!status.ok()) fail("text: sentencepiece cannot encode it: {}", status.ToString());
    ids.insert(ids.end(), part.begin(), part.end());
  }
  size_t checked(int32_t id) const {
    if (id < 0 || id >= size())
      fail("token id: expected 0 to {}, got {} (no token of this tokenizer)", size() - 1, id);
    return size_t(id);
  }

  sentencepiece::SentencePieceProcessor processor_;
  std::vector<std::string> tokens_;
  std::vector<bool> special_;
  AddedTokenTrie added_;
  std::unordered_map<std::string, int32_t> added_ids_;
};

}  // namespace

std::unique_ptr<Tokenizer> load_sentencepiece(const std::string& path) {
  return std::make_unique<SentencePieceTokenizer>(read_file(path, kMaxTokenizerBytes), path);
}

}  // namespace qwench

#else

namespace qwench {

std::unique_ptr<Tokenizer> load_sentencepiece(const std::string& path) {
  fail(
      "{}: this build has no sentencepiece; install libsentencepiece-dev and build again, or use a "
      "folder with tokenizer.json",
      path);
}

}  // namespace qwench

#endif
