// Text <-> token ids, whatever the file they are read from. encode() gives the ids of the text
// alone; what the files put around a plain text (a BOS token) is the framing, and encode_framed()
// adds it.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qwench {

/// The bytes [begin, end) of a text.
struct TextRange {
  size_t begin, end;
};

struct TextPart {
  std::string_view text;
  bool literal;
};
/// The text cut at the ends of its literal ranges, empty parts left out.
std::vector<TextPart> split_parts(std::string_view text, const std::vector<TextRange>& literal);

/// Qwen's control tokens: around a turn, and after a text.
constexpr std::string_view kTurnStart = "<|im_start|>", kTurnEnd = "<|im_end|>",
                           kTextEnd = "<|endoftext|>";

/// Ids that the files put around a plain text: what transformers' add_special_tokens=True adds.
struct Framing {
  std::vector<int32_t> before, after;
  bool empty() const { return before.empty() && after.empty(); }
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Ids of the text. Bytes that are not UTF-8 count as U+FFFD, as in Python's errors="replace".
  /// Added tokens written in the text become their one id; without parse_special the special ones
  /// ("<|im_end|>") are text like any other. Error above 256 MiB.
  std::vector<int32_t> encode(std::string_view text, bool parse_special = true) const;

  /// The same where some ranges are literal: special tokens written in them are text. Pieces and
  /// merges go across the ends of ranges, so that ranges without such tokens change nothing. The
  /// ranges ascend and do not overlap.
  virtual std::vector<int32_t> encode_parts(std::string_view text,
                                            const std::vector<TextRange>& literal) const = 0;

  /// A plain text as transformers' tokenizer(text) gives it. Not for rendered conversations: their
  /// template writes every token itself.
  std::vector<int32_t> encode_framed(std::string_view text) const;
  const Framing& framing() const { return framing_; }
  /// Error naming `where` unless its ids are tokens.
  void set_framing(Framing framing, std::string_view where);

  /// The raw bytes of one token, possibly not UTF-8 by themselves; Error unless 0 <= id < size().
  virtual std::string token_bytes(int32_t id) const = 0;

  /// Whether the token is left out of plain text. Error unless 0 <= id < size().
  virtual bool is_special(int32_t id) const = 0;

  /// Highest known id + 1. Rows of the embedding from here on are padding and must not be emitted.
  virtual int32_t size() const = 0;

  /// The id of an added token by its content ("<|im_end|>").
  virtual std::optional<int32_t> find(std::string_view token) const = 0;

  /// The bytes of all tokens joined, then read as UTF-8 (invalid parts -> U+FFFD, as Python does).
  std::string decode(const std::vector<int32_t>& ids, bool skip_special) const;

 private:
  Framing framing_;
};

/// A folder (looked for in this order: tokenizer.json, vocab.json + merges.txt, qwen.tiktoken,
/// tokenizer.model), one such file, or a GGUF file. Null when a folder or GGUF file has none; Error
/// otherwise.
std::unique_ptr<Tokenizer> open_tokenizer(const std::string& path);

/// decode() one token at a time: never hands out half a character, and what it hands out, joined,
/// is decode() of all the ids. Holds back at most 3 bytes. Borrows the tokenizer.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true)
      : tokenizer_(tokenizer), skip_special_(skip_special) {}

  /// The text that is complete with this token ("" while a character is unfinished).
  std::string push(int32_t id);
  /// What is left at the end: an unfinished character becomes U+FFFD. Ready for a new text after
  /// it.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  bool skip_special_;
  std::string pending_;
};

}  // namespace qwench
