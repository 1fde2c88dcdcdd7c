// The configuration of our folders, both ways.
#include "engine/checkpoint/quantized_folder.h"

#include "engine/base/check.h"
#include "engine/base/checked.h"

namespace qwench {

namespace {

DType read_type(const Json& value, std::string_view name, const std::string& where) {
  if (value.is_string())
    for (const DType type : kWeightDTypes)
      if (value.get_ref<const std::string&>() == name_of(type)) return type;
  fail("{}: {}: expected {}, got {}; write the folder again", where, in_quotes(name),
       weight_dtype_names(), describe(value));
}

void check_version(const Json& options, const std::string& where) {
  const int64_t version = read_int(options, "version", 1, INT32_MAX, where);
  if (version != kQuantizedVersion)
    fail("{}: version: expected {}, got {}; write the folder again with this program", where,
         kQuantizedVersion, version);
}

/// Columns of a row of this many bytes; 0 when no row has that size.
int64_t columns_of(DType type, int64_t bytes) {
  const int64_t of_row = type == DType::kQ4G ? 4 : 0;
  const int64_t of_block = row_bytes(type, kQuantBlock) - of_row;
  if (bytes <= of_row || (bytes - of_row) % of_block != 0) return 0;
  return (bytes - of_row) / of_block * kQuantBlock;
}

}  // namespace

std::optional<QuantizedTypes> read_quantized_types(const Json& config, const std::string& where) {
  if (!has(config, "quantization_config")) return std::nullopt;
  const Json& options = config.at("quantization_config");
  if (!options.is_object() || !has(options, "quant_method") ||
      options.at("quant_method") != kQuantizedMethod)
    return std::nullopt;
  const std::string place = where + ": quantization_config";
  check_version(options, place);
  if (!has(options, "type") || !has(options, "matrices") || !options.at("matrices").is_object())
    fail("{}: expected 'type' and an object 'matrices', got another form; write the folder again",
         place);
  QuantizedTypes types;
  types.layers = read_type(options.at("type"), "type", place);
  for (const auto& [name, type] : options.at("matrices").items())
    types.matrices.emplace(name, read_type(type, name, place));
  return types;
}

TensorInfo quantized_tensor(const Part& part, DType type) {
  TensorInfo info;
  if (!is_quantized(type)) {
    info = part.stored->info(part.file->path());
    if (info.dtype != type)
      part.refuse("expected {} as config.json says, got {}", name_of(type), part.dtype());
  } else {
    part.expect_dtype({"U8"});
    part.expect_matrix();
    const int64_t columns = columns_of(type, part.shape()[1]);
    if (columns == 0)
      part.refuse("expected rows of whole blocks of {}, got rows of {} bytes", name_of(type),
                  part.shape()[1]);
    info.dtype = type;
    info.shape = {part.shape()[0], columns};
  }
  info.name = part.name;
  return info;
}

Json quantized_config(const Json& source, const QuantizedTypes& types) {
  Json config = source;
  for (const char* key : {"quantization_config", "quantization"}) {
    config.erase(key);
    if (has(config, "text_config") && config.at("text_config").is_object())
      config.at("text_config").erase(key);
  }
  Json matrices = Json::object();
  for (const auto& [name, type] : types.matrices) matrices[name] = name_of(type);
  config["quantization_config"] = {{"quant_method", kQuantizedMethod},
                                   {"version", kQuantizedVersion},
                                   {"type", name_of(types.layers)},
                                   {"matrices", matrices}};
  return config;
}

Json shard_index(const std::vector<Shard>& shards) {
  Json map = Json::object();
  int64_t total = 0;
  for (const Shard& shard : shards)
    for (const TensorInfo& tensor : shard.tensors) {
      map[tensor.name] = shard.file;
      total = checked_add(total, tensor.bytes(), tensor.name);
    }
  return {{"metadata", {{"total_size", total}}}, {"weight_map", map}};
}

}  // namespace qwench
