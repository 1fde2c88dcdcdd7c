// A sentencepiece model (CodeQwen1.5, conversions by others) through the sentencepiece library,
// where the build has it. The model is checked first; see sentencepiece_model.h.
#include "engine/base/check.h"
#include "engine/base/file.h"
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
  SentencePieceTokenizer(const std::string& bytes, const std::string& where,
                         const TokenizerSettings& beside) {
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
      if (kind == PieceKind::kControl || kind == PieceKind::kUserDefined)
        add(model.pieces[id], int32_t(id), kind == PieceKind::kControl);
    }
    for (const AddedToken& token : beside.added) {
      if (piece_id(token.content, beside) != token.id)
        fail("added token {}: its id is {} in {}, {} in the model", in_quotes(token.content),
             token.id, beside.where, piece_id(token.content, beside));
      add(token.content, token.id, token.special);
    }
    for (const std::string& name : beside.special) add(name, piece_id(name, beside), true);
    for (const auto& [piece, id] : added_ids_) {
      added_.insert(piece, id);
      if (!special_[size_t(id)] && !is_control_name(piece)) words_.insert(piece, id);
    }
    set_framing(framing_of(beside, *this), beside.where);
  }

  std::vector<int32_t> encode_parts(std::string_view text,
                                    const std::vector<TextRange>& literal) const override {
    if (text.size() > kMaxText)
      fail("text: expected at most {} bytes, got {}; split it", kMaxText, text.size());
    std::vector<int32_t> ids;
    std::string run;  // since the last added token
    for (const TextPart& part : split_parts(text, literal)) {
      const AddedTokenTrie& tokens = part.literal ? words_ : added_;
      const std::string rest = replace_invalid_utf8(part.text);
      for (size_t at = 0; at < rest.size();) {
        const auto match = tokens.find(rest, at);
        run += rest.substr(at, match ? match->begin - at : rest.npos);
        if (!match) break;
        end_run(run, ids);
        ids.push_back(match->id);
        at = match->end;
      }
    }
    end_run(run, ids);
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
  void add(const std::string& piece, int32_t id, bool special) {
    added_ids_.emplace(piece, id);
    special_[size_t(id)] = special;
  }
  int32_t piece_id(const std::string& piece, const TokenizerSettings& beside) const {
    const int id = processor_.PieceToId(piece);
    if (id < 0 || processor_.IdToPiece(id) != piece)
      fail("added token {}: it is in {} and not in the model, which is not supported",
           in_quotes(piece), beside.where);
    return id;
  }
  void end_run(std::string& run, std::vector<int32_t>& ids) const {
    std::vector<int> pieces;
    const auto status = processor_.Encode(run, &pieces);
    if (!status.ok()) fail("text: sentencepiece cannot encode it: {}", status.ToString());
    ids.insert(ids.end(), pieces.begin(), pieces.end());
    run.clear();
  }
  size_t checked(int32_t id) const {
    if (id < 0 || id >= size())
      fail("token id: expected 0 to {}, got {} (no token of this tokenizer)", size() - 1, id);
    return size_t(id);
  }

  sentencepiece::SentencePieceProcessor processor_;
  std::vector<std::string> tokens_;
  std::vector<bool> special_;
  AddedTokenTrie added_, words_;  // all of them; those that are found in literal text
  std::unordered_map<std::string, int32_t> added_ids_;
};

}  // namespace

std::unique_ptr<Tokenizer> load_sentencepiece(const std::string& path,
                                              const TokenizerSettings& beside) {
  return std::make_unique<SentencePieceTokenizer>(read_file(path, kMaxTokenizerBytes), path,
                                                  beside);
}

}  // namespace qwench

#else

namespace qwench {

std::unique_ptr<Tokenizer> load_sentencepiece(const std::string& path, const TokenizerSettings&) {
  fail(
      "{}: this build has no sentencepiece; install libsentencepiece-dev and build again, or use a "
      "folder with tokenizer.json",
      path);
}

}  // namespace qwench

#endif
