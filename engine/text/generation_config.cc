// generation_config.json: sampling defaults and the ids that end a text.
#include <filesystem>

#include "engine/check.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/json.h"
#include "engine/text/load_gguf.h"
#include "engine/text/sampler.h"

namespace qwench {
namespace {

constexpr double kAny = 1e308;  // describe_invalid() knows the real ranges

double number_or(const Json& config, const char* key, double fallback, const std::string& where) {
  return has(config, key) ? read_number(config, key, -kAny, kAny, where) : fallback;
}

int32_t read_eos(const Json& value, const std::string& where) {
  if (!value.is_number_integer() || value < 0 || value > INT32_MAX)
    fail("eos_token_id: expected token ids, got {} ({})", describe(value), where);
  return value.get<int32_t>();
}

}  // namespace

GenerationConfig read_generation_config(const std::string& model) {
  const std::string folder = model_source(model);
  if (is_gguf_file(folder)) return read_gguf_generation_config(read_gguf_header(folder));
  const auto path = std::filesystem::path(folder) / "generation_config.json";
  GenerationConfig out;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return out;
  const std::string where = path.string();
  const Json config = parse_json_file(where);
  if (!config.is_object()) fail("{}: expected an object, got {}", where, describe(config));
  SamplerOptions& o = out.sampling;
  o.greedy = !read_bool(config, "do_sample", false, where);
  o.temperature = number_or(config, "temperature", o.temperature, where);
  o.top_p = number_or(config, "top_p", o.top_p, where);
  o.min_p = number_or(config, "min_p", o.min_p, where);
  o.repetition_penalty = number_or(config, "repetition_penalty", o.repetition_penalty, where);
  o.presence_penalty = number_or(config, "presence_penalty", o.presence_penalty, where);
  if (has(config, "top_k")) o.top_k = read_int(config, "top_k", 0, INT32_MAX, where);
  const std::string wrong = describe_invalid(o);
  if (!wrong.empty()) fail("{} ({})", wrong, where);
  if (!has(config, "eos_token_id")) return out;
  const Json& eos = config["eos_token_id"];
  if (!eos.is_array())
    out.eos_ids.push_back(read_eos(eos, where));
  else
    for (const Json& id : eos) out.eos_ids.push_back(read_eos(id, where));
  return out;
}

}  // namespace qwench
