// libFuzzer target: any bytes as a GGUF file. Only Error may come out of the header, the config, the
// tokenizer, the sampling keys and their files for a folder; whatever is accepted must hold the
// promises that readers build on.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "engine/checkpoint/gguf_config.h"
#include "engine/checkpoint/gguf_names.h"
#include "engine/text/load_gguf.h"
#include "engine/text/load_tokenizer.h"
#include "engine/text/save_folder.h"
#include "tests/checkpoint/gguf_bytes.h"

using namespace qwench;

namespace {

void check_tensors(const GgufHeader& header, const std::string& bytes) {
  const int64_t file_bytes = int64_t(bytes.size());
  int64_t end = 0;
  std::vector<float> row;
  for (const GgufTensor& t : header.tensors()) {
    QWENCH_CHECK(t.offset >= end && t.offset % header.alignment() == 0);
    end = t.offset + t.bytes;
    QWENCH_CHECK(t.bytes > 0 && header.data_start() + end <= file_bytes);
    QWENCH_CHECK(t.type->bytes(t.elements()) == t.bytes);
    const std::string name = name_from_gguf(t.name);
    QWENCH_CHECK(name.empty() || name_to_gguf(name) == t.name);
    row.resize(size_t(t.dims[0]));
    t.type->decode(bytes.data() + header.data_start() + t.offset, t.dims[0], row.data());
  }
}

template <class Action>
void only_errors(Action action) {
  try {
    action();
  } catch (const Error&) {
  }
}

void use(const std::string& bytes) {
  const auto read = [&](int64_t offset, int64_t n, char* to) {
    QWENCH_CHECK(offset >= 0 && n >= 0 && offset + n <= int64_t(bytes.size()));
    std::memcpy(to, bytes.data() + offset, size_t(n));
  };
  const GgufHeader header(read, int64_t(bytes.size()), "fuzz");
  check_tensors(header, bytes);
  only_errors([&] {
    const ModelConfig c = read_gguf_config(header, {261, true, DType::kF32});
    QWENCH_CHECK(c.parameters() > 0);
    QWENCH_CHECK(c.n_heads % c.n_kv_heads == 0 && c.head_dim % 2 == 0);
    QWENCH_CHECK(2 * c.n_layers * c.kv_dim() * c.max_positions * 4 > 0);
  });
  only_errors([&] {
    if (const auto tokenizer = load_gguf_tokenizer(header))
      QWENCH_CHECK(tokenizer->decode(tokenizer->encode("the <|im_end|>"), false) ==
                   "the <|im_end|>");
  });
  only_errors([&] { read_gguf_generation_config(header); });
  only_errors([&] {
    for (const TextFile& file : folder_text_files(header)) parse_json(file.bytes, file.name);
  });
}

/// A small model with everything in it, so that mutations start from a file that is accepted.
std::string seed() {
  test::GgufBytes f;
  f.values = test::small_keys();
  f.values.push_back(test::kv_text("qwen3.rope.scaling.type", "yarn"));
  f.values.push_back(test::kv_f32("qwen3.rope.scaling.factor", 4));
  f.values.push_back(test::kv_f32("general.sampling.temp", 0.7f));
  f.values.push_back(test::kv_u32("general.alignment", 32));
  f.values.push_back(test::kv_u32("tokenizer.ggml.eos_token_id", 1));
  f.values.push_back(test::kv_text("tokenizer.ggml.model", "gpt2"));
  f.values.push_back(test::kv_text("tokenizer.ggml.pre", "qwen2"));
  std::vector<std::string> tokens;
  std::vector<int32_t> types(257, kGgufNormal);
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(byte_as_letter(uint8_t(byte)));
  tokens.insert(tokens.end(), {"ab", "<|im_end|>", "<think>", "[PAD259]"});
  types.insert(types.end(), {kGgufControl, kGgufUserDefined, kGgufUnused});
  f.values.push_back(test::kv_texts("tokenizer.ggml.tokens", tokens));
  f.values.push_back(test::kv_i32s("tokenizer.ggml.token_type", types));
  f.values.push_back(test::kv_texts("tokenizer.ggml.merges", {"a b"}));
  f.tensors = {test::tensor("token_embd.weight", {32, 261}, 8, 0),
               test::tensor("blk.0.ffn_up.weight", {256, 1}, 14, 8896)};
  f.data.resize(8896 + 210);
  return f.file();
}

}  // namespace

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

/// Now and then the input becomes the seed, so that an empty corpus soon has sound files.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int random) {
  static const std::string kSeed = seed();
  if (random % 256 == 0 && kSeed.size() <= max_size) {
    std::memcpy(data, kSeed.data(), kSeed.size());
    size = kSeed.size();
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  only_errors([&] { use(std::string(reinterpret_cast<const char*>(data), size)); });
  return 0;
}
