// Which scheme a folder uses. `quantization` (MLX) is looked at before `quantization_config`, since
// MLX repeats the one as the other without a method; `quantize_config.json` comes last.
#include "engine/checkpoint/weight_scheme.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "engine/base/check.h"
#include "engine/checkpoint/exact_q4_0.h"

namespace qwench {
namespace {

constexpr std::string_view kSupported =
    "gptq, awq, bitsandbytes, compressed-tensors, fp8 or an MLX checkpoint";

/// The method's name in lower case; older bitsandbytes configurations have only a switch.
std::string method_of(const Json& options, const std::string& where) {
  for (const char* key : {"quant_method", "method"}) {
    const std::string word = option_word(options, key, where);
    if (!word.empty()) return word;
  }
  if (has(options, "load_in_4bit") || has(options, "load_in_8bit")) return "bitsandbytes";
  return "";
}

const Json& object_of(const Json& json, const char* key, const std::string& where) {
  if (!json.at(key).is_object())
    fail("{}: {}: expected an object, got {}", where, key, describe(json.at(key)));
  return json.at(key);
}

std::unique_ptr<WeightScheme> make_scheme(const std::string& method, const Json& options,
                                          const std::string& where) {
  if (method == "gptq") return make_gptq(options, where);
  if (method == "awq") return make_awq(options, where);
  if (method == "bitsandbytes") return make_bitsandbytes(options, where);
  if (method == "compressed-tensors") return make_compressed_tensors(options, where);
  if (method == "fp8") return make_fp8_block(options, where);
  refuse_option(where, "quant_method", method.empty() ? "nothing" : in_quotes(method), kSupported);
}

}  // namespace

std::vector<float> PackedWeight::block_scales(int64_t, int64_t) const {
  QWENCH_CHECK(dtype_ == DType::kF32);  // who holds q4_0 has scales
  return {};
}

void PackedWeight::read(int64_t first, int64_t count, void* to) const {
  if (dtype_ == DType::kF32) return read_floats(first, count, static_cast<float*>(to));
  QWENCH_CHECK(first % cols_ == 0 && count % cols_ == 0);
  constexpr int64_t kBytes = 16 << 20;  // of f32; reading few columns of a packed matrix is slow
  const int64_t step = std::max<int64_t>(1, kBytes / 4 / cols_), end = (first + count) / cols_;
  char* row = static_cast<char*>(to);
  for (int64_t r = first / cols_; r < end; r += step) {
    const int64_t n = std::min(step, end - r);
    read_q4_0(r, n, row);
    row += n * row_bytes(dtype_, cols_);
  }
}

void PackedWeight::read_floats(int64_t first, int64_t count, float* to) const {
  std::vector<float> row;  // for the ends of a range that begins or stops within a row
  while (count > 0) {
    const int64_t skip = first % cols_;
    int64_t n = std::min(cols_ - skip, count);
    if (skip == 0 && count >= cols_) {
      n = count / cols_ * cols_;
      decode(first / cols_, n / cols_, to);
    } else {
      row.resize(size_t(cols_));
      decode(first / cols_, 1, row.data());
      std::copy_n(row.begin() + skip, n, to);
    }
    first += n, count -= n, to += n;
  }
}

void PackedWeight::read_q4_0(int64_t first, int64_t n, char* to) const {
  std::vector<float> values(size_t(n * cols_));
  decode(first, n, values.data());
  const std::vector<float> scales = block_scales(first, n);
  if (!write_exact_q4_0(values.data(), scales.data(), n, cols_, to))
    fail("{}: rows {} to {} are not what they were when the file was opened", stored_, first,
         first + n - 1);
}

const Part& PackedModule::required(std::string_view part) const {
  if (const Part* found = optional(part)) return *found;
  fail(
      "tensor {}: missing, though other tensors of its quantised module are there (in {}); "
      "download the checkpoint again",
      in_quotes(fmt::format("{}.{}", name, part)), folder);
}

const Part* PackedModule::optional(std::string_view part) const {
  const auto found = parts.find(part);
  return found == parts.end() ? nullptr : &found->second;
}

void refuse_option(const std::string& where, std::string_view key, const std::string& value,
                   std::string_view supported) {
  fail("{}: {}: expected {}, got {}; use a checkpoint of a supported scheme or the unquantised one",
       where, key, supported, value);
}

std::string option_text(const Json& object, std::string_view key) {
  return has(object, key) ? describe(object.at(std::string(key))) : "nothing";
}

std::string option_word(const Json& object, std::string_view key, const std::string& where) {
  if (!has(object, key)) return "";
  std::string word = read_string(object, key, where);
  for (char& c : word) c = char(std::tolower(static_cast<unsigned char>(c)));
  return word;
}

int64_t read_group_size(const Json& object, std::string_view key, const std::string& where) {
  if (!has(object, key)) return -1;
  const int64_t size = read_int(object, key, -1, INT32_MAX, where);
  if (size != -1 && size < 8)
    refuse_option(where, key, std::to_string(size), "-1 (one group a row) or at least 8");
  return size;
}

std::unique_ptr<WeightScheme> detect_weight_scheme(const Json& config, const std::string& folder) {
  const std::string where = folder + "/config.json";
  const Json* const outer = &config;
  const Json* const inner = has(config, "text_config") ? &config.at("text_config") : nullptr;
  for (const Json* json : {outer, inner})
    if (json && has(*json, "quantization"))
      return make_mlx(object_of(*json, "quantization", where), where + ": quantization");
  for (const Json* json : {outer, inner})
    if (json && has(*json, "quantization_config") &&
        json->at("quantization_config") != Json::object()) {
      const std::string place = where + ": quantization_config";
      const Json& options = object_of(*json, "quantization_config", where);
      return make_scheme(method_of(options, place), options, place);
    }
  const std::string old_file = folder + "/quantize_config.json";
  std::error_code error;
  if (!std::filesystem::exists(old_file, error)) return nullptr;
  const Json options = parse_json_file(old_file);
  const std::string method = method_of(options, old_file);
  return make_scheme(method.empty() ? "gptq" : method, options, old_file);
}

}  // namespace qwench
