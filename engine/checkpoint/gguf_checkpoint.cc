// Opening and reading. Shards after the first hold little but tensors, in any order; which tensors
// there are, and that each is there once, is only known when all are open.
#include "engine/checkpoint/gguf_checkpoint.h"

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"
#include "engine/base/checked.h"
#include "engine/base/foreign_content.h"
#include "engine/base/json.h"
#include "engine/checkpoint/gguf_config.h"
#include "engine/checkpoint/gguf_names.h"
#include "engine/checkpoint/unused_tensors.h"
#include "engine/checkpoint/wide_keys.h"

namespace qwench {
namespace {

constexpr int64_t kMaxShards = 4096;  // bounded by open descriptors long before

/// "NAME-00002-of-00003.gguf" for (1, 3), given the name of another shard of three.
/// Error when `path` does not end as shard `index` of `count`.
std::string shard_path(const std::string& path, int64_t own, int64_t other, int64_t count) {
  const std::string end = fmt::format("-{:05}-of-{:05}.gguf", own + 1, count);
  if (path.size() <= end.size() || path.compare(path.size() - end.size(), end.size(), end) != 0)
    fail("{}: expected a name that ends in {}, as it is shard {} of {}; rename it as it was split",
         path, end, own + 1, count);
  return path.substr(0, path.size() - end.size()) +
         fmt::format("-{:05}-of-{:05}.gguf", other + 1, count);
}

void expect_key(const GgufHeader& header, const char* key, int64_t expected, const char* hint) {
  const int64_t got = header.integer(key, 0, INT32_MAX);
  if (got != expected)
    fail("{}: expected {}, got {}; {}", header.place(*header.find(key)), expected, got, hint);
}

TensorInfo info_of(const std::string& name, const GgufTensor& stored) {
  TensorInfo info;
  info.name = name;
  for (size_t i = stored.dims.size(); i-- > 0;)
    info.shape.dim[size_t(info.shape.rank++)] = stored.dims[i];
  info.dtype = stored.type->dtype.value_or(DType::kF32);
  if (!stored.type->dtype) info.stored = stored.type->name;
  return info;
}

}  // namespace

GgufFile::GgufFile(const std::string& path, bool mmap) {
  if (mmap)
    mapped_ = std::make_unique<MappedFile>(path);
  else
    file_.emplace(path);
  refuse_foreign(file(), "a GGUF file");
  const auto read = [&](int64_t offset, int64_t bytes, char* to) {
    file().read_at(offset, bytes, to);
  };
  header_.emplace(read, file().size(), path);
  file().check_unchanged();
}

void GgufFile::read(const GgufTensor& tensor, int64_t first, int64_t bytes, void* to) const {
  QWENCH_CHECK(first >= 0 && bytes >= 0 && first <= tensor.bytes - bytes);
  if (bytes == 0) return;
  const int64_t offset = header().data_start() + tensor.offset + first;
  if (mapped_)
    std::memcpy(to, mapped_->at(offset, bytes), size_t(bytes));
  else
    file().read_at(offset, bytes, to);
  file().check_unchanged();  // after the copy: what was copied is what was opened
}

GgufCheckpoint::GgufCheckpoint(const std::string& path, const OpenOptions& options) : path_(path) {
  files_.emplace_back(path, options.mmap);
  if (header().find("split.count")) open_shards(options);
  read_gguf_family(header());  // before the tensors of some other family are called wrong
  for (const GgufFile& file : files_) add(file);
  finish();
}

void GgufCheckpoint::open_shards(const OpenOptions& options) {
  const int64_t count = header().integer("split.count", 1, kMaxShards);
  expect_key(header(), "split.no", 0, "give the first shard: it opens the others");
  if (count == 1) return;
  for (int64_t i = 1; i < count; ++i) {
    const std::string shard = shard_path(path_, 0, i, count);
    try {
      files_.emplace_back(shard, options.mmap);
    } catch (const Error& error) {
      fail("{}: shard {} of {}: {}", path_, i + 1, count, error.what());
    }
    const GgufHeader& added = files_.back().header();
    expect_key(added, "split.no", i, "the file is not the shard its name says");
    expect_key(added, "split.count", count, "the file is a shard of another model");
  }
  int64_t total = 0;
  for (const GgufFile& file : files_) total += int64_t(file.header().tensors().size());
  for (const GgufFile& file : files_)
    if (file.header().find("split.tensors.count"))
      expect_key(file.header(), "split.tensors.count", total,
                 "the shards are not of one model: they hold another number of tensors");
}

void GgufCheckpoint::add(const GgufFile& file) {
  const std::string& where = file.header().where();
  for (const GgufTensor& stored : file.header().tensors()) {
    const std::string name = name_from_gguf(stored.name);
    if (name.empty())
      fail(
          "{}: tensor {}: expected only tensors of a text model of Qwen2 or Qwen3; this one would "
          "be left out{}",
          where, in_quotes(stored.name),
          stored.name.find(".lora_") != std::string::npos
              ? "; an adapter is no model: merge it into one first"
              : "");
    places_.push_back({name, &file, &stored});
  }
}

void GgufCheckpoint::finish() {
  std::sort(places_.begin(), places_.end(),
            [](const Place& a, const Place& b) { return a.name < b.name; });
  for (size_t i = 1; i < places_.size(); ++i)
    if (places_[i].name == places_[i - 1].name)
      fail("{}: tensor {} is there twice (in {} and {})", path_, in_quotes(places_[i].stored->name),
           places_[i - 1].file->header().where(), places_[i].file->header().where());
  for (const Place& place : places_) tensors_.push_back(info_of(place.name, *place.stored));
  const TensorInfo* embedding = find("model.embed_tokens.weight");
  if (!embedding)
    fail(
        "{}: tensor 'token_embd.weight' is missing; the file holds {} tensors and is no whole "
        "model",
        path_, tensors_.size());
  config_ = read_gguf_config(
      header(), {embedding->rows(), find("lm_head.weight") == nullptr, main_dtype(tensors_)},
      &notes_);
  drop_unused();
  config_.wide_key_layers = wide_key_layers(*this);
}

void GgufCheckpoint::drop_unused() {
  UnusedTensors unused(config_, path_);
  std::vector<TensorInfo> used;
  for (size_t i = 0; i < tensors_.size(); ++i) {  // places_ are in the same order until here
    const TensorInfo& tensor = tensors_[i];
    if (unused.uses(tensor.name)) {
      used.push_back(tensor);
      continue;
    }
    unused.drop(tensor.name, places_[i].stored->name, [&] {
      if (tensor.dtype != DType::kF32) return false;
      std::vector<float> values(size_t(tensor.shape.count()));
      read(tensor, 0, tensor.shape.count(), values.data());
      return std::all_of(values.begin(), values.end(), [](float value) { return value == 0; });
    });
  }
  unused.finish(notes_);
  tensors_ = std::move(used);
}

const TensorInfo* GgufCheckpoint::find(std::string_view name) const {
  return find_tensor(tensors_, name);
}

void GgufCheckpoint::read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const {
  const auto found =
      std::lower_bound(places_.begin(), places_.end(), tensor.name,
                       [](const Place& p, const std::string& n) { return p.name < n; });
  QWENCH_CHECK(found != places_.end() && found->name == tensor.name);
  QWENCH_CHECK(first >= 0 && count >= 0 && first <= tensor.shape.count() - count);
  const GgufTensor& stored = *found->stored;
  const GgufType& type = *stored.type;
  if (type.dtype) {  // contract: whole rows, so whole blocks
    QWENCH_CHECK(first % type.block_elements == 0 && count % type.block_elements == 0);
    found->file->read(stored, type.bytes(first), type.bytes(count), to);
    return;
  }
  // Rows are whole blocks, so element i of the tensor is in block i / block_elements.
  constexpr int64_t kBlocks = 512;
  std::vector<char> blocks(size_t(kBlocks * type.block_bytes));
  std::vector<float> values(size_t(kBlocks * type.block_elements));
  float* out = static_cast<float*>(to);
  for (int64_t at = first; at < first + count;) {
    const int64_t block = at / type.block_elements, skip = at % type.block_elements;
    const int64_t n = std::min(first + count - at + skip, kBlocks * type.block_elements);
    const int64_t n_blocks = ceil_div(n, type.block_elements);
    found->file->read(stored, block * type.block_bytes, n_blocks * type.block_bytes, blocks.data());
    type.decode(blocks.data(), n_blocks * type.block_elements, values.data());
    std::copy(values.begin() + skip, values.begin() + n, out + (at - first));
    at += n - skip;
  }
}

}  // namespace qwench
