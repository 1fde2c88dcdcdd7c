// config.json: what is read, and one refusal for each malformed or unsupported field.
#include "engine/config/config.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "engine/base/check.h"

using namespace qwench;

#define CHECK_REFUSED(expression, words) \
  CHECK_THROWS_WITH_AS((void)(expression), doctest::Contains(words), Error)

namespace {

Json qwen2() {
  return parse_json(R"({"model_type":"qwen2","vocab_size":320,"hidden_size":64,
    "intermediate_size":160,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,
    "hidden_act":"silu","max_position_embeddings":512,"rms_norm_eps":1e-6,"rope_theta":1000000.0,
    "tie_word_embeddings":false,"use_sliding_window":false,"eos_token_id":1,
    "torch_dtype":"bfloat16"})",
                    "test");
}

Json qwen3() {
  Json json = qwen2();
  json["model_type"] = "qwen3";
  json["head_dim"] = 24;
  return json;
}

ModelConfig with(Json json, const char* key, Json value) {
  json[key] = std::move(value);
  return read_model_config(json, "c.json");
}
/// `text` is JSON, so that 1e3 and 2147483648 arrive as a file would have them.
ModelConfig with_text(const char* key, const char* text) {
  return with(qwen2(), key, parse_json(text, "t"));
}
ModelConfig without(const char* key) {
  Json json = qwen2();
  json.erase(key);
  return read_model_config(json, "c.json");
}

/// A window that slides in the layers from `first` on.
ModelConfig with_window(int64_t first, const Json& window) {
  Json json = qwen2();
  json["use_sliding_window"] = true;
  json["max_window_layers"] = first;
  json["sliding_window"] = window;
  return read_model_config(json, "c.json");
}

Json qwen_recipe(int64_t max_positions) {
  Json json = qwen2();
  json["max_position_embeddings"] = max_positions;
  json["rope_scaling"] = {
      {"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32768}};
  return json;
}

}  // namespace

TEST_CASE("a Qwen2 config is read") {
  const ModelConfig c = read_model_config(qwen2(), "c.json");
  CHECK(c.model_type == "qwen2");
  CHECK(c.dim == 64);
  CHECK(c.n_layers == 2);
  CHECK(c.n_heads == 4);
  CHECK(c.n_kv_heads == 2);
  CHECK(c.head_dim == 16);
  CHECK(c.ffn_dim == 160);
  CHECK(c.vocab == 320);
  CHECK(c.max_positions == 512);
  CHECK(c.norm_eps == 1e-6);
  CHECK(c.qkv_bias);
  CHECK_FALSE(c.qk_norm);
  CHECK_FALSE(c.tied_embeddings);
  CHECK(c.rope.theta == 1e6);
  CHECK(c.rope.type == RopeType::kDefault);
  CHECK(c.rope.attention_factor == 1);
  CHECK(c.stored_dtype == DType::kBF16);
  CHECK(c.eos_ids == std::vector<int32_t>{1});
}

TEST_CASE("a Qwen3 config has its own head_dim, head norms and no bias") {
  const ModelConfig c = read_model_config(qwen3(), "c.json");
  CHECK(c.head_dim == 24);
  CHECK(c.q_dim() == 96);
  CHECK(c.kv_dim() == 48);
  CHECK(c.qk_norm);
  CHECK_FALSE(c.qkv_bias);
}

TEST_CASE("old and new spellings of rope and dtype are read alike") {
  Json json = qwen3();
  json.erase("rope_theta");
  json.erase("torch_dtype");
  json["rope_parameters"] = {{"rope_theta", 5e6}, {"rope_type", "default"}};
  json["dtype"] = "float16";
  const ModelConfig c = read_model_config(json, "c.json");
  CHECK(c.rope.theta == 5e6);
  CHECK(c.stored_dtype == DType::kF16);
  CHECK(without("torch_dtype").stored_dtype == DType::kF32);
  CHECK(with_text("rope_scaling", "null").rope.type == RopeType::kDefault);
  CHECK(with_text("torch_dtype", "\"int8\"").stored_dtype ==
        DType::kF32);  // a label: tensors decide
}

TEST_CASE("YaRN is read with its defaults") {
  ModelConfig c = with_text("rope_scaling", R"({"type":"yarn","factor":4.0})");
  CHECK(c.rope.type == RopeType::kYarn);
  CHECK(c.rope.original_positions == 512);
  CHECK(c.rope.beta_fast == 32);
  CHECK(c.rope.beta_slow == 1);
  CHECK(c.rope.attention_factor == doctest::Approx(0.1 * std::log(4.0) + 1));
  CHECK(c.rope.truncate);
  c = with_text("rope_scaling", R"({"rope_type":"yarn","factor":2,"beta_fast":16,"beta_slow":2,
    "original_max_position_embeddings":96,"attention_factor":1.5,"truncate":false})");
  CHECK(c.rope.original_positions == 96);
  CHECK(c.rope.beta_fast == 16);
  CHECK(c.rope.beta_slow == 2);
  CHECK(c.rope.attention_factor == 1.5);
  CHECK_FALSE(c.rope.truncate);
}

TEST_CASE("rope fields out of range and types not implemented are refused (C05, C08)") {
  for (const char* theta : {"0", "-1", "1e300", "\"1e6\"", "null"})
    CHECK_REFUSED(with_text("rope_theta", theta), "rope_theta");
  CHECK_REFUSED(without("rope_theta"), "'rope_theta' is missing");
  CHECK_REFUSED(with_text("rope_scaling", R"({"type":"yarn"})"), "'factor' is missing");
  for (const char* factor : {"0", "-2", "0.5", "1e9", "\"4\""})
    CHECK_REFUSED(
        with(qwen2(), "rope_scaling", {{"type", "yarn"}, {"factor", parse_json(factor, "t")}}),
        "factor");
  CHECK_REFUSED(with_text("rope_scaling",
                          R"({"type":"yarn","factor":2,"original_max_position_embeddings":0})"),
                "original_max_position_embeddings");
  CHECK_REFUSED(with_text("rope_scaling", R"({"type":"yarn","factor":2,"beta_fast":1,
    "beta_slow":2})"),
                "beta_fast >= beta_slow");
  CHECK_REFUSED(with_text("rope_scaling", R"({"type":"yarn","factor":2,"attention_factor":0})"),
                "attention_factor");
  for (const char* type : {"linear", "dynamic", "longrope", "llama3", "mrope"})
    CHECK_REFUSED(with(qwen2(), "rope_scaling", {{"type", type}, {"factor", 2}}), type);
  CHECK_REFUSED(with_text("rope_scaling", R"({"type":"default","mrope_section":[16,24,24]})"),
                "mrope_section");
  CHECK_REFUSED(with_text("rope_scaling", R"({"type":"yarn","factor":2,"mscale":1})"), "mscale");
  CHECK_REFUSED(with_text("rope_scaling", "[1]"), "expected an object or null");
  CHECK_REFUSED(with_text("partial_rotary_factor", "0.5"), "partial_rotary_factor");
}

TEST_CASE("rope_scaling stands in for rope_parameters, as in transformers") {
  Json json = qwen3();
  json["rope_parameters"] = {{"rope_theta", 5e6}, {"rope_type", "default"}};
  json["rope_scaling"] = {{"type", "yarn"}, {"factor", 4.0}};
  RopeConfig rope = read_model_config(json, "c.json").rope;
  CHECK(rope.type == RopeType::kYarn);
  CHECK(rope.theta == 1e6);  // that beside it; the whole of rope_parameters is replaced
  json["rope_scaling"]["rope_theta"] = 7e6;
  CHECK(read_model_config(json, "c.json").rope.theta == 7e6);
  json["rope_scaling"].erase("rope_theta");
  json.erase("rope_theta");
  CHECK_REFUSED(read_model_config(json, "c.json"),
                "rope_scaling: expected a rope_theta in it, since it replaces rope_parameters");
  for (const Json& nothing : {Json(), Json::object()}) {
    json["rope_scaling"] = nothing;
    rope = read_model_config(json, "c.json").rope;
    CHECK(rope.type == RopeType::kDefault);
    CHECK(rope.theta == 5e6);
  }
}

TEST_CASE("a rope key that the type has no use for is refused, one that says nothing is not") {
  CHECK_REFUSED(with_text("rope_scaling", R"({"factor":4})"),
                "expected \"rope_type\": \"yarn\" beside 'factor', got type 'default'");
  CHECK_REFUSED(with_text("rope_scaling", R"({"type":"default","factor":4})"), "'factor'");
  CHECK_REFUSED(with_text("rope_scaling", R"({"type":"yarn","factor":2,"alpha":8})"), "'alpha'");
  CHECK_REFUSED(with_text("rope_scaling", R"({"type":"yarn","factor":2,"long_factor":[1]})"),
                "'long_factor' is not supported");
  for (const char* nothing :
       {R"({"type":"linear","factor":1.0})", R"({"type":"default","factor":1})",
        R"({"type":"default","original_max_position_embeddings":512,"mscale":null})", "{}"})
    CHECK(with_text("rope_scaling", nothing).rope.type == RopeType::kDefault);
  CHECK(with_text("rope_scaling", R"({"type":"yarn","factor":2,"finetuned":true})").rope.factor ==
        2);
  Json json = qwen_recipe(512);
  json["original_max_position_embeddings"] = 128;  // beside rope_scaling, it wins
  CHECK(read_model_config(json, "c.json").rope.original_positions == 128);
}

TEST_CASE("with YaRN a model is good for the factor times its original positions") {
  for (const int64_t positions : {32768, 40960, 131072}) {
    const ModelConfig c = read_model_config(qwen_recipe(positions), "c.json");
    CHECK(c.max_positions == positions);
    CHECK(c.usable_positions() == 131072);
  }
  CHECK(read_model_config(qwen_recipe(262144), "c.json").usable_positions() == 262144);
  CHECK(read_model_config(qwen2(), "c.json").usable_positions() == 512);
}

TEST_CASE("layer counts that are not counts are refused (C01)") {
  for (const char* layers : {"0", "-1", "1000000000", "1e3", "\"36\"", "null", "[2]", "true"})
    CHECK_REFUSED(with_text("num_hidden_layers", layers), "num_hidden_layers");
  CHECK_REFUSED(without("num_hidden_layers"), "'num_hidden_layers' is missing");
}

TEST_CASE("sizes that do not divide are refused (C02)") {
  CHECK_REFUSED(with_text("hidden_size", "66"), "multiple of num_attention_heads 4, got 66");
  CHECK_REFUSED(with_text("num_key_value_heads", "3"), "divisor of num_attention_heads 4, got 3");
  CHECK_REFUSED(with_text("num_key_value_heads", "8"), "divisor of num_attention_heads");
  CHECK_REFUSED(with_text("num_key_value_heads", "0"), "num_key_value_heads");
  CHECK(without("num_key_value_heads").n_kv_heads == 4);
}

TEST_CASE("head_dim is even and within 2..1024 (C03)") {
  for (const char* head_dim : {"0", "-2", "4096", "1", "\"64\""})
    CHECK_REFUSED(with_text("head_dim", head_dim), "head_dim");
  CHECK_REFUSED(with_text("head_dim", "15"), "even number");
  CHECK_REFUSED(with_text("hidden_size", "60"), "head_dim: expected an even number");  // 60 / 4
  CHECK_REFUSED(with_text("hidden_size", "8192"), "got 2048");                         // 8192 / 4
}

TEST_CASE("vocabulary and end ids fit each other (C04)") {
  for (const char* vocab : {"0", "2147483648", "-1"})
    CHECK_REFUSED(with_text("vocab_size", vocab), "vocab_size");
  CHECK_REFUSED(with_text("eos_token_id", "320"),
                "eos_token_id: expected an integer from 0 to 319");
  CHECK_REFUSED(with_text("eos_token_id", "[1,-1]"), "eos_token_id");
  CHECK_REFUSED(with_text("eos_token_id", "\"</s>\""), "eos_token_id");
  CHECK(with_text("eos_token_id", "[1,7]").eos_ids == std::vector<int32_t>{1, 7});
  CHECK(with_text("eos_token_id", "null").eos_ids.empty());
  CHECK(without("eos_token_id").eos_ids.empty());
}

TEST_CASE("norm epsilon and context length are in range (C06, C07)") {
  for (const char* eps : {"0", "-1e-6", "2", "\"1e-6\"", "null"})
    CHECK_REFUSED(with_text("rms_norm_eps", eps), "rms_norm_eps");
  for (const char* positions : {"0", "1099511627776", "-1"})
    CHECK_REFUSED(with_text("max_position_embeddings", positions), "max_position_embeddings");
}

TEST_CASE("the tie flag is read, its absence means untied (C09)") {
  CHECK(with_text("tie_word_embeddings", "true").tied_embeddings);
  CHECK_FALSE(without("tie_word_embeddings").tied_embeddings);
  CHECK_REFUSED(with_text("tie_word_embeddings", "1"), "expected true or false");
}

TEST_CASE("numbers beyond their type never reach a field (C13)") {
  const auto raw = [](const char* value) {
    return fmt::format(R"({{"model_type":"qwen2","vocab_size":{}}})", value);
  };
  CHECK_REFUSED(parse_json(raw("1e400"), "c.json"), "1e400");
  CHECK_REFUSED(parse_json(raw("NaN"), "c.json"), "not valid JSON");
  CHECK_REFUSED(with_text("vocab_size", "9223372036854775808"), "9223372036854775808");
  CHECK_REFUSED(with_text("vocab_size", "18446744073709551617"), "vocab_size");
  CHECK_REFUSED(with_text("vocab_size", "-0"), "vocab_size");
}

TEST_CASE("families and features that are not implemented are refused by name") {
  for (const char* family : {"qwen2_moe", "qwen3_moe", "qwen2_5_vl", "qwen3_vl", "qwen3_5",
                             "qwen3_next", "llama", "qwen"})
    CHECK_REFUSED(with(qwen2(), "model_type", family), family);
  CHECK_REFUSED(without("model_type"), "'model_type' is missing");
  CHECK_REFUSED(with_text("hidden_act", "\"gelu\""), "hidden_act: expected 'silu', got 'gelu'");
  CHECK_REFUSED(with_window(0, 64), "use_sliding_window: expected false, or a window in no layer");
  CHECK_REFUSED(with_window(1, 64), "got one of 64 in 1 of 2 layers");
  CHECK_REFUSED(with_text("layer_types", R"(["full_attention","sliding_attention"])"),
                "sliding_attention");
  CHECK_REFUSED(with_text("layer_types", "3"), "layer_types: expected an array");
  CHECK_REFUSED(with_text("layer_types", R"(["full_attention"])"),
                "layer_types: expected one for each of 2 layers (num_hidden_layers)");
  CHECK_NOTHROW(with_text("layer_types", R"(["full_attention","full_attention"])"));
  CHECK_REFUSED(with(qwen3(), "attention_bias", true), "attention_bias");
  CHECK_NOTHROW(with(qwen3(), "attention_bias", false));
  CHECK_REFUSED(read_model_config(Json::array(), "c.json"), "expected an object");
}

TEST_CASE("a window that slides in no layer or is as long as the context is none") {
  CHECK_NOTHROW(with_window(2, 64));
  CHECK_NOTHROW(with_window(0, nullptr));
  CHECK_NOTHROW(with_window(0, 512));
  CHECK_NOTHROW(with_text("use_sliding_window", "true"));  // from layer 28 on, the default
}

TEST_CASE("what other families compute otherwise is refused unless it says what is done anyway") {
  const auto check = [](const char* key, const char* neutral, const char* other) {
    CAPTURE(key);
    CHECK_NOTHROW(with_text(key, neutral));
    CHECK_NOTHROW(with_text(key, "null"));
    CHECK_REFUSED(with_text(key, other), (std::string(key) + ": expected").c_str());
  };
  check("logit_scale", "1.0", "0.5");
  check("final_logit_softcapping", "0", "30.0");
  check("attn_logit_softcapping", "0.0", "50");
  check("num_experts", "0", "8");
  check("is_causal", "true", "false");
  check("use_mrope", "false", "true");
  check("use_bidirectional_attention", "false", "\"all\"");
  check("attention_multiplier", "null", "0.125");
  CHECK_NOTHROW(with_text("hidden_act", "\"swish\""));
}

TEST_CASE("a list of equal numbers for all layers is that number") {
  CHECK(with_text("num_key_value_heads", "[2,2]").n_kv_heads == 2);
  CHECK(with_text("intermediate_size", "[160,160]").ffn_dim == 160);
  CHECK(with_text("num_attention_heads", "[4,4]").n_heads == 4);
  CHECK_REFUSED(with_text("num_key_value_heads", "[2,1]"),
                "num_key_value_heads: expected the same for all layers, got 2 and 1");
  CHECK_REFUSED(with_text("intermediate_size", "[160]"), "expected one for each of 2 layers");
  CHECK_REFUSED(with_text("intermediate_size", "[\"1\",\"1\"]"), "intermediate_size");
}

TEST_CASE("head_dim has the default of its family") {
  Json json = qwen3();
  json.erase("head_dim");
  CHECK(read_model_config(json, "c.json").head_dim == 128);
  json["head_dim"] = nullptr;
  CHECK(read_model_config(json, "c.json").head_dim == 16);
}

TEST_CASE("dual chunk attention is plain attention up to its first chunk") {
  CHECK(with_text("dual_chunk_attention_config", R"({"chunk_size":256,"local_size":56})")
            .max_positions == 200);
  CHECK(with_text("dual_chunk_attention_config", R"({"chunk_size":262144,"local_size":8192})")
            .max_positions == 512);
  CHECK(with_text("dual_chunk_attention_config", "{}").max_positions == 512);
}

TEST_CASE("keys that nobody knows are noted, those of training and Python are not") {
  Json json = qwen3();
  std::vector<std::string> notes;
  json["transformers_version"] = "5.23.0";
  json["attention_dropout"] = 0.0;
  read_model_config(json, "c.json", &notes);
  CHECK(notes.empty());
  json["use_qk_norm"] = false;
  json["attn_temperature"] = 2;
  read_model_config(json, "c.json", &notes);
  CHECK(notes == std::vector<std::string>{
                     "c.json: not known and not read: 'attn_temperature', 'use_qk_norm'"});
}

TEST_CASE("a text_config inside is read in place of the outer sizes") {
  Json outer = {{"model_type", "qwen3"}, {"tie_word_embeddings", true}, {"text_config", qwen3()}};
  outer["text_config"].erase("tie_word_embeddings");
  const ModelConfig c = read_model_config(outer, "c.json");
  CHECK(c.dim == 64);
  CHECK(c.tied_embeddings);
  outer["text_config"]["model_type"] = "qwen3_moe";
  CHECK_REFUSED(read_model_config(outer, "c.json"), "qwen3_moe");
  outer["text_config"] = 7;
  CHECK_REFUSED(read_model_config(outer, "c.json"), "expected an object");
}

TEST_CASE("the largest accepted sizes leave every product within 64 bits") {
  Json json = qwen3();
  json.update({{"hidden_size", 1 << 17},
               {"num_hidden_layers", 1000},
               {"num_attention_heads", 4096},
               {"num_key_value_heads", 4096},
               {"head_dim", 1024},
               {"intermediate_size", 1 << 20},
               {"vocab_size", 1 << 22},
               {"max_position_embeddings", 1 << 27}});
  const ModelConfig c = read_model_config(json, "c.json");
  const double kv_bytes =
      2.0 * double(c.n_layers) * double(c.max_positions) * double(c.kv_dim()) * 4;
  CHECK(kv_bytes < 9.2e18);
  CHECK(double(c.parameters()) * 4 < 9.2e18);
  CHECK(c.parameters() > 0);
}
