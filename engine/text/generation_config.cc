// generation_config.json: how a model's authors want its tokens chosen, and the ids that end a text.
// Every key of it is honoured, known to change nothing here, or named as not honoured.
#include <algorithm>
#include <filesystem>

#include "engine/base/check.h"
#include "engine/base/json.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/text/load_gguf.h"
#include "engine/text/sampler.h"

namespace qwench {
namespace {

constexpr double kAny = 1e308;  // describe_invalid() knows the real ranges

constexpr const char* kHonoured[] = {"do_sample",
                                     "temperature",
                                     "top_p",
                                     "top_k",
                                     "min_p",
                                     "eos_token_id",
                                     "min_length",
                                     "repetition_penalty",
                                     "presence_penalty",
                                     "min_new_tokens",
                                     "sequence_bias",
                                     "suppress_tokens",
                                     "bad_words_ids",
                                     "stop_strings"};

/// They say how the answer is reported, cached or cut off, which is the command line's to say, or
/// speak to another program.
constexpr const char* kHarmless[] = {"bos_token_id",
                                     "pad_token_id",
                                     "decoder_start_token_id",
                                     "max_length",
                                     "max_new_tokens",
                                     "max_time",
                                     "transformers_version",
                                     "_from_model_config",
                                     "_commit_hash",
                                     "use_cache",
                                     "cache_implementation",
                                     "cache_config",
                                     "return_legacy_cache",
                                     "prefill_chunk_size",
                                     "return_dict_in_generate",
                                     "output_attentions",
                                     "output_hidden_states",
                                     "output_scores",
                                     "output_logits",
                                     "early_stopping",
                                     "length_penalty",
                                     "is_assistant",
                                     "low_memory",
                                     "disable_compile",
                                     "compile_config",
                                     "trust_remote_code",
                                     "chat_format",
                                     "max_window_size",
                                     "num_assistant_tokens",
                                     "num_assistant_tokens_schedule",
                                     "assistant_confidence_threshold",
                                     "assistant_early_exit",
                                     "assistant_lookbehind",
                                     "target_lookbehind",
                                     "prompt_lookup_num_tokens",
                                     "max_matching_ngram_size",
                                     "speculative_config"};

/// Keys that are not honoured, and the value with which they ask for nothing.
struct Neutral {
  const char* key;
  double value;
};
constexpr Neutral kNeutral[] = {{"num_beams", 1},
                                {"num_beam_groups", 1},
                                {"num_return_sequences", 1},
                                {"typical_p", 1},
                                {"top_h", 1},
                                {"epsilon_cutoff", 0},
                                {"eta_cutoff", 0},
                                {"encoder_repetition_penalty", 1},
                                {"no_repeat_ngram_size", 0},
                                {"encoder_no_repeat_ngram_size", 0},
                                {"diversity_penalty", 0},
                                {"guidance_scale", 1},
                                {"frequency_penalty", 0},
                                {"penalty_alpha", 0}};

double number_or(const Json& config, const char* key, double fallback, const std::string& where) {
  return has(config, key) ? read_number(config, key, -kAny, kAny, where) : fallback;
}

int64_t count_or_0(const Json& config, const char* key, const std::string& where) {
  return has(config, key) ? read_int(config, key, 0, INT32_MAX, where) : 0;
}

/// One id, or several.
std::vector<int32_t> read_ids(const Json& value, const char* key, const std::string& where) {
  std::vector<int32_t> ids;
  const auto add = [&](const Json& id) {
    if (!id.is_number_integer() || id < 0 || id > INT32_MAX)
      fail("{}: expected token ids, got {} ({})", key, describe(id), where);
    ids.push_back(id.get<int32_t>());
  };
  if (value.is_array())
    for (const Json& id : value) add(id);
  else
    add(value);
  return ids;
}

/// The id of a sequence of one token; nothing for a longer one, which no single logit can stand for.
std::optional<int32_t> single_id(const Json& sequence, const char* key, const std::string& where) {
  const std::vector<int32_t> ids = read_ids(sequence, key, where);
  if (ids.size() != 1) return std::nullopt;
  return ids.front();
}

/// [[[id], bias], ...], as transformers writes it.
void read_bias(const Json& list, const std::string& where, GenerationConfig& out) {
  constexpr const char* kKey = "sequence_bias";
  if (!list.is_array()) fail("{}: expected a list, got {} ({})", kKey, describe(list), where);
  bool longer = false;
  for (const Json& pair : list) {
    if (!pair.is_array() || pair.size() != 2 || !pair[1].is_number())
      fail("{}: expected [[id], bias], got {} ({})", kKey, describe(pair), where);
    const std::optional<int32_t> id = single_id(pair[0], kKey, where);
    if (id) out.sampling.logit_bias.push_back({*id, pair[1].get<double>()});
    longer = longer || !id;
  }
  if (longer) out.not_honoured.emplace_back("sequence_bias of more than one token");
}

void read_banned(const Json& config, const std::string& where, GenerationConfig& out) {
  if (has(config, "suppress_tokens"))
    out.sampling.suppressed = read_ids(config["suppress_tokens"], "suppress_tokens", where);
  if (!has(config, "bad_words_ids")) return;
  bool longer = false;
  const Json& words = config["bad_words_ids"];
  if (!words.is_array())
    fail("bad_words_ids: expected a list, got {} ({})", describe(words), where);
  for (const Json& word : words) {
    const std::optional<int32_t> id = single_id(word, "bad_words_ids", where);
    if (id) out.sampling.suppressed.push_back(*id);
    longer = longer || !id;
  }
  if (longer) out.not_honoured.emplace_back("bad_words_ids of more than one token");
}

void read_stops(const Json& config, const std::string& where, GenerationConfig& out) {
  if (has(config, "eos_token_id"))
    out.eos_ids = read_ids(config["eos_token_id"], "eos_token_id", where);
  if (!has(config, "stop_strings")) return;
  const Json& stops = config["stop_strings"];
  for (const Json& stop : stops.is_array() ? stops : Json::array({stops})) {
    if (!stop.is_string() || stop.get_ref<const std::string&>().empty())
      fail("stop_strings: expected texts, got {} ({})", describe(stop), where);
    out.stop_strings.push_back(stop.get<std::string>());
  }
}

bool asks_for_nothing(const std::string& key, const Json& value) {
  if (value.is_null() || value == false || (value.is_structured() && value.empty())) return true;
  for (const Neutral& neutral : kNeutral)
    if (key == neutral.key) return value.is_number() && value.get<double>() == neutral.value;
  return false;
}

void name_the_rest(const Json& config, GenerationConfig& out) {
  const auto among = [](const auto& list, const std::string& key) {
    return std::find(std::begin(list), std::end(list), key) != std::end(list);
  };
  for (const auto& [key, value] : config.items())
    if (!among(kHonoured, key) && !among(kHarmless, key) && !asks_for_nothing(key, value))
      out.not_honoured.push_back(key);
}

}  // namespace

GenerationConfig read_generation_config(const std::string& model) {
  const std::string folder = model_source(model);
  if (is_gguf_file(folder)) return read_gguf_generation_config(read_gguf_header(folder));
  const auto path = std::filesystem::path(folder) / "generation_config.json";
  GenerationConfig out;
  out.sampling.greedy = true;
  out.where = path.string();
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return out;
  const std::string& where = out.where;
  const Json config = parse_json_file(where);
  if (!config.is_object()) fail("{}: expected an object, got {}", where, describe(config));
  SamplerOptions& o = out.sampling;
  o.greedy = !read_bool(config, "do_sample", false, where);
  o.temperature = number_or(config, "temperature", o.temperature, where);
  o.top_p = number_or(config, "top_p", o.top_p, where);
  o.min_p = number_or(config, "min_p", o.min_p, where);
  // transformers' default of a file that says nothing else, where it asks for a draw.
  constexpr int64_t kDefaultTopK = 50;
  o.top_k = has(config, "top_k") || o.greedy ? count_or_0(config, "top_k", where) : kDefaultTopK;
  o.repetition_penalty = number_or(config, "repetition_penalty", o.repetition_penalty, where);
  o.presence_penalty = number_or(config, "presence_penalty", o.presence_penalty, where);
  o.min_length = count_or_0(config, "min_length", where);
  o.min_new_tokens = count_or_0(config, "min_new_tokens", where);
  if (has(config, "sequence_bias")) read_bias(config["sequence_bias"], where, out);
  read_banned(config, where, out);
  const std::string wrong = describe_invalid(o);
  if (!wrong.empty()) fail("{} ({})", wrong, where);
  read_stops(config, where, out);
  name_the_rest(config, out);
  return out;
}

}  // namespace qwench
