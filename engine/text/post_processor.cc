// Source of the form: huggingface/tokenizers, processors/template.rs. Only `single` counts: a prompt
// is never a pair. `special_tokens` gives the ids of a name, and those count, whatever token they are.
#include "engine/text/post_processor.h"

#include "engine/base/check.h"
#include "engine/text/utf8.h"

namespace qwench {
namespace {

constexpr size_t kMostIds = 64;  // around a text; published tokenizers add one or two

const Json& member(const Json& object, const char* key, std::string_view where) {
  if (!object.is_object())
    fail("post_processor: expected an object with {}, got {} ({})", key, describe(object), where);
  const auto found = object.find(key);
  if (found == object.end()) fail("post_processor: {} is missing ({})", key, where);
  return *found;
}

/// The ids that stand for a special token of the template.
void add_special(const Json& tokens, const std::string& name, std::string_view where,
                 std::vector<int32_t>& to) {
  if (!tokens.is_object() || !tokens.contains(name))
    fail("post_processor: {} is not among its special_tokens ({})", in_quotes(name), where);
  const Json& ids = member(tokens.at(name), "ids", where);
  if (!ids.is_array())
    fail("post_processor: ids: expected an array, got {} ({})", describe(ids), where);
  for (const Json& id : ids)
    to.push_back(int32_t(as_int(id, "post_processor: ids", 0, INT32_MAX, where)));
  if (to.size() > kMostIds)
    fail("post_processor: expected at most {} ids around a text, got {} ({})", kMostIds, to.size(),
         where);
}

Framing read_template(const Json& processor, std::string_view where) {
  const Json& single = member(processor, "single", where);
  const Json& tokens = member(processor, "special_tokens", where);
  if (!single.is_array())
    fail("post_processor: single: expected an array, got {} ({})", describe(single), where);
  Framing framing;
  int texts = 0;
  for (const Json& piece : single) {
    if (piece.is_object() && piece.contains("SpecialToken")) {
      const std::string name = read_string(piece.at("SpecialToken"), "id", where);
      add_special(tokens, name, where, texts ? framing.after : framing.before);
    } else {
      const std::string which = read_string(member(piece, "Sequence", where), "id", where);
      if (which != "A")
        fail("post_processor: single: expected the text A, got {} ({})", in_quotes(which), where);
      ++texts;
    }
  }
  if (texts != 1)
    fail("post_processor: single: expected the text once, got it {} times ({})", texts, where);
  return framing;
}

}  // namespace

Framing read_post_processor(const Json& processor, std::string_view where) {
  if (processor.is_null()) return {};
  member(processor, "type", where);
  const std::string type = read_string(processor, "type", where);
  if (type == "ByteLevel") return {};  // moves offsets, adds no id
  if (type == "TemplateProcessing") return read_template(processor, where);
  if (type != "Sequence")
    fail(
        "post_processor: expected TemplateProcessing, ByteLevel or a Sequence of them, got {} "
        "({}); "
        "write it as TemplateProcessing",
        in_quotes(type), where);
  const Json& steps = member(processor, "processors", where);
  if (!steps.is_array())
    fail("post_processor: processors: expected an array, got {} ({})", describe(steps), where);
  Framing framing;
  for (const Json& step : steps) {
    if (step.is_object() && step.value("type", Json()) == "Sequence")
      fail("post_processor: a Sequence in a Sequence is not supported ({})", where);
    const Framing added = read_post_processor(step, where);
    if (added.empty()) continue;
    if (!framing.empty())
      fail("post_processor: expected one processor that adds tokens, got two ({})", where);
    framing = added;
  }
  return framing;
}

OrderedJson post_processor_json(const Framing& framing, const Tokenizer& tokenizer) {
  const auto sequence = [](const char* id, int type) {
    return OrderedJson{{"Sequence", {{"id", id}, {"type_id", type}}}};
  };
  OrderedJson single = OrderedJson::array(), tokens = OrderedJson::object();
  const auto add = [&](const std::vector<int32_t>& ids) {
    for (const int32_t id : ids) {
      const std::string name = tokenizer.token_bytes(id);
      if (!is_utf8(name))
        fail("post_processor: token {} goes around a text, expected UTF-8, got {}", id,
             in_quotes(name));
      single.push_back({{"SpecialToken", {{"id", name}, {"type_id", 0}}}});
      tokens[name] = {
          {"id", name}, {"ids", OrderedJson::array({id})}, {"tokens", OrderedJson::array({name})}};
    }
  };
  add(framing.before);
  single.push_back(sequence("A", 0));
  add(framing.after);
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", OrderedJson::array({sequence("A", 0), sequence("B", 1)})},
          {"special_tokens", tokens}};
}

}  // namespace qwench
