// The final name appears by a rename, when everything is there.
#include "bench/quantize/output_files.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "bench/quantize/own_files.h"
#include "bench/support/output.h"
#include "engine/base/check.h"
#include "engine/checkpoint/gguf_checkpoint.h"
#include "engine/checkpoint/gguf_writer.h"
#include "engine/checkpoint/quantized_folder.h"
#include "engine/config/config_json.h"
#include "engine/text/save_folder.h"
#include "engine/text/save_gguf.h"

namespace qwench::bench {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kChunk = 8 << 20;

constexpr const char* kNoTokenizer = "the model has no tokenizer: the folder takes token ids only";

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// A folder that this program wrote, so that --force cannot remove anything else.
bool is_own_folder(const std::string& path) {
  if (!exists(path + "/config.json")) return false;
  try {
    return read_quantized_types(parse_json_file(path + "/config.json"), path).has_value();
  } catch (const Error&) {
    return false;
  }
}

/// What keeps --force from replacing what is there; "" where nothing does.
std::string not_replaceable(const QuantizeOptions& o) {
  std::error_code ignored;
  if (o.to_gguf())
    return fs::is_regular_file(o.out, ignored) && is_gguf_file(o.out) ? "" : "is no GGUF file";
  if (!fs::is_directory(o.out, ignored)) return "is no folder";
  if (fs::is_empty(o.out, ignored)) return "";
  if (!is_own_folder(o.out)) return "is no folder that this program wrote";
  const std::vector<std::string> foreign = foreign_files(o.out);
  return foreign.empty() ? "" : "holds what this program did not write: " + some_of(foreign);
}

/// The types of all matrices, for config.json.
QuantizedTypes types_of(const std::vector<PlannedPart>& plan, const TypeRules& rules) {
  QuantizedTypes types;
  types.layers = rules.layers;
  for (const PlannedPart& part : plan)
    for (const PlannedTensor& t : part.tensors)
      if (t.to.shape.rank == 2) types.matrices.emplace(t.to.name, t.to.dtype);
  return types;
}

std::vector<std::string> write_gguf(const QuantizeOptions& o, const Checkpoint& source,
                                    const std::vector<PlannedPart>& plan, const Partial& partial) {
  GgufWriter writer(o.out, source.config(), gguf_text_keys(source.path(), source.config()));
  const std::vector<std::string> lost = sampling_without_gguf_key(source.path());
  if (!lost.empty())
    note(
        fmt::format("note: generation_config.json: GGUF has no key for {}; give it on the command "
                    "line",
                    fmt::join(lost, ", ")));
  for (const PlannedPart& part : plan)
    for (const PlannedTensor& t : part.tensors) writer.add(t.to);
  std::vector<char> chunk;
  for (size_t p = 0; p < plan.size(); ++p) {
    const SafetensorsFile file(partial.path() + "/" + partial.file_name(p));
    for (const PlannedTensor& t : plan[p].tensors) {
      const StoredTensor* stored = file.find(t.to.name);
      QWENCH_CHECK(stored && stored->end - stored->begin == t.to.bytes());
      for (int64_t first = 0; first < t.to.bytes(); first += kChunk) {
        const int64_t n = std::min(kChunk, t.to.bytes() - first);
        chunk.resize(size_t(n));
        file.read(*stored, first, n, chunk.data());
        writer.write(t.to.name, chunk.data(), n);
      }
    }
  }
  writer.close();
  std::error_code ignored;
  fs::remove_all(partial.path(), ignored);
  return {};
}

/// Returns whether there was a tokenizer among them.
bool copy_text_files(const std::string& from, const std::string& to) {
  std::error_code ignored;
  if (!fs::is_directory(from, ignored)) return false;
  bool tokenizer = false;
  for (const std::string& name : text_file_names()) {
    if (!exists(from + "/" + name)) continue;
    std::error_code error;
    fs::copy_file(from + "/" + name, to + "/" + name, fs::copy_options::overwrite_existing, error);
    if (error) fail("{}/{}: cannot be copied to {}: {}", from, name, to, error.message());
    for (const char* of_tokenizer : {"tokenizer.json", "vocab.json", "qwen.tiktoken"})
      tokenizer |= name == of_tokenizer;
  }
  return tokenizer;
}

/// Tokenizer, template and defaults of a GGUF file. Returns what a person should know about them:
/// the weights are of use without.
std::vector<std::string> write_gguf_text(const std::string& from, const std::string& to) {
  std::vector<TextFile> files;
  try {
    files = folder_text_files(read_gguf_header(from));
  } catch (const Error& error) {
    return {
        fmt::format("the tokenizer cannot be written ({}): the folder takes token ids only, unless "
                    "the original's tokenizer.json is copied into it",
                    error.what())};
  }
  if (files.empty()) return {kNoTokenizer};
  for (const TextFile& file : files) write_text_file(to + "/" + file.name, file.bytes);
  return {};
}

/// The files beside the weights that text needs. Returns what is missing, said for a person.
std::vector<std::string> add_text_files(const Checkpoint& source, const std::string& to) {
  if (!source.is_random() && copy_text_files(source.path(), to)) return {};
  return is_gguf_file(source.path()) ? write_gguf_text(source.path(), to)
                                     : std::vector<std::string>{kNoTokenizer};
}

/// Puts the folder in place; what was there before goes last.
void move_into_place(const std::string& from, const std::string& to) {
  const std::string old = fmt::format("{}.replaced-{}", to, ::getpid());
  std::error_code error;
  if (exists(to)) fs::rename(to, old, error);
  if (!error) fs::rename(from, to, error);
  if (error) fail("{}: cannot be renamed to {}: {}", from, to, error.message());
  fs::remove_all(old, error);
}

std::vector<std::string> write_folder(const QuantizeOptions& o, const Checkpoint& source,
                                      const std::vector<PlannedPart>& plan, const TypeRules& rules,
                                      const Partial& partial) {
  std::vector<Shard> shards;
  for (size_t p = 0; p < plan.size(); ++p) {
    Shard shard{partial.file_name(p), {}};
    for (const PlannedTensor& t : plan[p].tensors) shard.tensors.push_back(t.to);
    shards.push_back(std::move(shard));
  }
  const std::string& folder = partial.path();
  write_text_file(folder + "/model.safetensors.index.json", shard_index(shards).dump(2) + "\n");
  const std::string own = source.path() + "/config.json";
  const Json config =
      exists(own) && !source.is_random() ? parse_json_file(own) : config_json_of(source.config());
  write_text_file(folder + "/config.json",
                  quantized_config(config, types_of(plan, rules)).dump(2) + "\n");
  const std::vector<std::string> notes = add_text_files(source, folder);
  partial.remove_list();
  move_into_place(folder, o.out);
  return notes;
}

}  // namespace

void check_output(const QuantizeOptions& o) {
  std::error_code error;
  const std::string model = model_source(o.model);
  if (exists(model) && exists(o.out) && fs::equivalent(model, o.out, error))
    fail_usage("-o: expected another name than the model's, got {}", o.out);
  if (!exists(o.out)) return;
  const std::string why = not_replaceable(o);
  if (!why.empty())
    fail_usage("{}: expected {} to be free or an earlier output, but it {}; choose another name{}",
               o.force ? "--force" : "-o", o.out, why,
               fs::is_directory(o.out, error) ? ", or move that away" : "");
  if (!o.force) fail_usage("-o: {} is there already; choose another name or --force", o.out);
}

std::vector<std::string> finish_output(const QuantizeOptions& o, const Checkpoint& source,
                                       const std::vector<PlannedPart>& plan, const TypeRules& rules,
                                       const Partial& partial) {
  return o.to_gguf() ? write_gguf(o, source, plan, partial)
                     : write_folder(o, source, plan, rules, partial);
}

}  // namespace qwench::bench
