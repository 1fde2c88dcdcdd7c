// tokenizer.json of the Hugging Face `tokenizers` library. It can describe many tokenizers; the one
// that Qwen publishes is read, and anything that would give other ids is refused by its name. What
// gives none is not looked at: `truncation` and `padding` (transformers switches both off), `fuse_unk`
// and `byte_fallback` (every byte has a token, so nothing is unknown), trim_offsets.
#include "engine/base/check.h"
#include "engine/text/load_tokenizer.h"
#include "engine/text/post_processor.h"

namespace qwench {
namespace {

const Json kNull;

const Json& member(const Json& object, const char* key, std::string_view where) {
  if (!object.is_object()) fail("{}: expected an object, got {}", where, describe(object));
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

std::string type_of(const Json& object, std::string_view what, std::string_view where) {
  if (!object.is_object())
    fail("{}: expected an object, got {} ({})", what, describe(object), where);
  return read_string(object, "type", where);
}

[[noreturn]] void refuse(std::string_view what, std::string_view expected, std::string_view got,
                         std::string_view where) {
  fail("{}: expected {}, got {} ({}); only the tokenizers of Qwen are supported", what, expected,
       got, where);
}

bool read_normalizer(const Json& normalizer, std::string_view where) {
  if (normalizer.is_null()) return false;
  const std::string type = type_of(normalizer, "normalizer", where);
  if (type == "Sequence") {
    const Json& steps = member(normalizer, "normalizers", where);
    if (steps.is_array() && steps.empty()) return false;
    if (steps.is_array() && steps.size() == 1 && member(steps[0], "type", where) == "NFC")
      return true;
    refuse("normalizer", "NFC alone in a Sequence", describe(steps), where);
  }
  if (type != "NFC") refuse("normalizer", "NFC", in_quotes(type), where);
  return true;
}

void check_byte_level(const Json& step, std::string_view where) {
  const std::string type = type_of(step, "pre_tokenizer", where);
  if (type != "ByteLevel") refuse("pre_tokenizer", "ByteLevel after Split", in_quotes(type), where);
  for (const char* option : {"add_prefix_space", "use_regex"}) {
    if (read_bool(step, option, true, where))
      refuse("pre_tokenizer ByteLevel", std::string(option) + " false", "true", where);
  }
}

PreTokenizer read_pre_tokenizer(const Json& sequence, std::string_view where) {
  const std::string type = type_of(sequence, "pre_tokenizer", where);
  if (type != "Sequence")
    refuse("pre_tokenizer", "a Sequence of Split, ByteLevel", in_quotes(type), where);
  const Json& steps = member(sequence, "pretokenizers", where);
  if (!steps.is_array() || steps.size() != 2)
    refuse("pre_tokenizer Sequence", "Split and ByteLevel", describe(steps), where);
  const Json& split = steps[0];
  const std::string first = type_of(split, "pre_tokenizer", where);
  if (first != "Split") refuse("pre_tokenizer", "Split first", in_quotes(first), where);
  const std::string behavior = read_string(split, "behavior", where);
  if (behavior != "Isolated" || read_bool(split, "invert", false, where))
    refuse("pre_tokenizer Split", "behavior Isolated, not inverted", in_quotes(behavior), where);
  const std::string regex = read_string(member(split, "pattern", where), "Regex", where);
  const auto rule = find_pretokenizer(regex);
  if (!rule)
    refuse("pre_tokenizer Split", "the regular expression of Qwen2 or Qwen3.5", in_quotes(regex),
           where);
  check_byte_level(steps[1], where);
  return *rule;
}

void read_added(const Json& list, std::string_view where, BpeParts& parts) {
  if (list.is_null()) return;
  if (!list.is_array()) fail("added_tokens: expected an array, got {} ({})", describe(list), where);
  for (const Json& token : list) {
    const int64_t id = read_int(token, "id", 0, INT32_MAX, where);
    parts.added.push_back(read_added_token(token, id, where));
  }
}

void check_model(const Json& model, std::string_view where) {
  const std::string type = type_of(model, "model", where);
  if (type != "BPE") refuse("model", "BPE", in_quotes(type), where);
  if (read_bool(model, "ignore_merges", false, where))
    refuse("model", "ignore_merges false", "true", where);
  for (const char* option : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const Json& value = member(model, option, where);
    if (!value.is_null() && value != "") refuse(option, "none", describe(value), where);
  }
  const Json& dropout = member(model, "dropout", where);
  if (!dropout.is_null() && dropout != 0.0) refuse("dropout", "none", describe(dropout), where);
}

void read_merges(const Json& merges, const TokenIds& ids, std::string_view where, BpeParts& parts) {
  if (!merges.is_array()) fail("merges: expected an array, got {} ({})", describe(merges), where);
  parts.merges.reserve(merges.size());
  uint32_t rank = 0;
  for (const Json& merge : merges) {
    if (merge.is_string()) {
      add_merge(ids, merge.get_ref<const std::string&>(), rank, where, parts);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      add_merge(ids, merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>(),
                rank, where, parts);
    } else {
      fail("merge {}: expected \"a b\" or [\"a\", \"b\"], got {} ({})", rank, describe(merge),
           where);
    }
    ++rank;
  }
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer_json(std::string_view bytes, std::string_view where,
                                               const TokenizerSettings& beside) {
  const Json root = parse_json(bytes, where, kTokenizerLimits);
  BpeParts parts;
  const Json& model = member(root, "model", where);
  check_model(model, where);
  const Json& decoder = member(root, "decoder", where);
  const std::string decodes = decoder.is_null() ? "ByteLevel" : type_of(decoder, "decoder", where);
  if (decodes != "ByteLevel") refuse("decoder", "ByteLevel", in_quotes(decodes), where);
  parts.nfc = read_normalizer(member(root, "normalizer", where), where);
  parts.rule = read_pre_tokenizer(member(root, "pre_tokenizer", where), where);
  read_added(member(root, "added_tokens", where), where, parts);
  const Json& vocab = member(model, "vocab", where);
  add_named_tokens(beside, vocab, parts);
  const TokenIds ids = read_vocab(vocab, where, parts);
  read_merges(member(model, "merges", where), ids, where, parts);
  auto tokenizer = std::make_unique<ByteLevelBpe>(std::move(parts), where);
  tokenizer->set_framing(read_post_processor(member(root, "post_processor", where), where), where);
  return tokenizer;
}

}  // namespace qwench
