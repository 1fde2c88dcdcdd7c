// Everything is checked before pages are taken, but for the pages themselves: their hash comes last.
#include "engine/model/state_file.h"

#include <cstring>
#include <functional>

#include "engine/base/checked.h"
#include "engine/base/content_hash.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/config/config_json.h"
#include "engine/model/session.h"

namespace qwench {

namespace {

constexpr char kMagic[] = "qwstate1";
constexpr int64_t kMagicBytes = sizeof kMagic - 1, kMostHeaderBytes = 1 << 20;

std::string hash_text(const ContentHash& hash) { return fmt::format("{:016x}", hash.value()); }

/// Every vector, and of every matrix its type: weights that were trained further have other norms and biases.
std::string weights_text(const Model& model) {
  const Weights& weights = model.weights;
  ContentHash hash;
  const auto add = [&](const Vector& v) {
    if (!v.view) return hash.add(uint64_t(0));
    std::vector<char> bytes(size_t(v.view.bytes()));
    model.backend->download(bytes.data(), v.view.data, v.view.bytes());
    hash.add(bytes.data(), v.view.bytes());
  };
  for (const LayerWeights& w : weights.layers) {
    for (const Weight* matrix : {&w.wq, &w.wk, &w.wv, &w.wo, &w.w_gate, &w.w_up, &w.w_down})
      hash.add(uint64_t(matrix->view.dtype));
    for (const Vector* v :
         {&w.attn_norm, &w.ffn_norm, &w.bias_q, &w.bias_k, &w.bias_v, &w.q_norm, &w.k_norm})
      add(*v);
  }
  add(weights.final_norm);
  hash.add(uint64_t(weights.embedding.view.dtype));
  return fmt::format("{} ({})", name_of(weights.dtype), hash_text(hash));
}

/// A state file that is being read, its header believed.
struct StateFile {
  File file;
  StateFacts facts;
  int64_t length = 0, body = 0;  // tokens; where they begin

  explicit StateFile(const std::string& path) : file(path) {
    char magic[kMagicBytes];
    uint64_t header = 0;
    const int64_t fixed = kMagicBytes + int64_t(sizeof header);
    if (file.size() >= fixed) file.read_at(0, kMagicBytes, magic);
    if (file.size() < fixed || std::memcmp(magic, kMagic, size_t(kMagicBytes)) != 0)
      fail("{}: expected a state that --save-state wrote, got another file", path);
    file.read_at(kMagicBytes, sizeof header, &header);
    if (header > uint64_t(std::min(kMostHeaderBytes, file.size() - fixed)))
      fail("{}: expected a header of at most {} bytes, got one of {}: the file is damaged", path,
           std::min(kMostHeaderBytes, file.size() - fixed), header);
    std::string text(size_t(header), ' ');
    file.read_at(fixed, int64_t(header), text.data());
    const Json json = parse_json(text, path);
    body = fixed + int64_t(header);
    length = read_int(json, "length", 0, int64_t(1) << 31, path);
    if (!json.contains("facts") || !json["facts"].is_object())
      fail("{}: facts: expected an object, got {}", path,
           json.contains("facts") ? describe(json["facts"]) : "nothing");
    for (const auto& fact : json["facts"].items())
      facts[fact.key()] = read_string(json["facts"], fact.key(), path + ": facts");
  }

  std::vector<int32_t> tokens() const {
    if (length > (file.size() - body) / int64_t(sizeof(int32_t)))
      fail("{}: expected {} tokens, got a shorter file: it is damaged", file.path(), length);
    std::vector<int32_t> ids(static_cast<size_t>(length));
    file.read_at(body, length * int64_t(sizeof(int32_t)), ids.data());
    return ids;
  }
};

void require_facts(const StateFile& state, const StateFacts& facts) {
  for (const auto& [name, mine] : facts) {
    const auto found = state.facts.find(name);
    const std::string theirs = found == state.facts.end() ? "none" : found->second;
    if (theirs != mine)
      fail("{}: {}: expected {}, as this run has it, got {}; compute the prompt again",
           state.file.path(), name, mine, theirs);
  }
}

/// f(address, bytes) for every page of a sequence, layer by layer.
void for_each_page(const KvPool& pool, const std::vector<int32_t>& pages,
                   const std::function<void(void*, int64_t)>& f) {
  for (int64_t layer = 0; layer < int64_t(pool.layers().size()); ++layer)
    for (const int32_t page : pages) f(pool.page(layer, page), pool.page_bytes(layer));
}

}  // namespace

StateFacts state_facts(const Model& model, const KvPool& pool) {
  Json config = config_json_of(model.config), rope;
  for (const char* key : {"rope_theta", "rope_scaling"}) rope[key] = config[key], config.erase(key);
  const std::string text = config.dump();
  ContentHash hash;
  hash.add(text.data(), int64_t(text.size()));
  return {{"configuration", hash_text(hash)},
          {"RoPE", rope.dump()},
          {"weights", weights_text(model)},
          {"keys and values", kv_text(pool.layers())},
          {"layout", fmt::format("{}, {}", model.backend->name(), model.backend->kv_layout())}};
}

void save_state(const std::string& path, Backend& backend, const StateFacts& facts,
                const KvPool& pool, const SequenceState& state) {
  const std::string header = Json{{"facts", facts}, {"length", state.length()}}.dump();
  const uint64_t bytes = header.size();
  FileWriter file(path);
  file.write(kMagic, kMagicBytes);
  file.write(&bytes, sizeof bytes);
  file.write(header.data(), int64_t(bytes));
  ContentHash hash;
  const auto write = [&](const void* from, int64_t n) {
    hash.add(from, n);
    file.write(from, n);
  };
  write(state.tokens().data(), state.length() * int64_t(sizeof(int32_t)));
  std::vector<char> staging;
  for_each_page(pool, state.pages(), [&](void* page, int64_t n) {
    staging.resize(size_t(n));
    backend.download(staging.data(), page, n);
    write(staging.data(), n);
  });
  const uint64_t value = hash.value();
  file.write(&value, sizeof value);
  file.close();
}

void load_state(const std::string& path, Backend& backend, const StateFacts& facts, int64_t vocab,
                const KvPool& pool, SequenceState& state) {
  const StateFile from(path);
  require_facts(from, facts);
  if (from.length > state.capacity())
    fail("{}: expected at most {} positions, got {}; raise --ctx", path, state.capacity(),
         from.length);
  const std::vector<int32_t> tokens = from.tokens();
  for (const int32_t id : tokens)
    if (id < SequenceState::kNoToken || id >= vocab)
      fail("{}: token id: expected -1 to {}, got {}: the file is damaged", path, vocab - 1, id);
  const int64_t token_bytes = from.length * int64_t(sizeof(int32_t));
  const int64_t pages = KvPool::bytes(pool.layers(), kv_pages(from.length));
  const int64_t size = from.body + token_bytes + pages + int64_t(sizeof(uint64_t));
  if (from.file.size() != size)
    fail("{}: expected {} bytes, got {}: the file is damaged", path, size, from.file.size());
  state.truncate(0);
  if (!state.reserve(from.length))
    fail("KV cache: expected {} free pages for {}, got {} of {}", kv_pages(from.length), path,
         pool.n_free(), pool.n_pages());
  ContentHash hash;
  hash.add(tokens.data(), token_bytes);
  int64_t at = from.body + token_bytes;
  std::vector<char> staging;
  for_each_page(pool, state.pages(), [&](void* page, int64_t n) {
    staging.resize(size_t(n));
    from.file.read_at(at, n, staging.data());
    hash.add(staging.data(), n);
    backend.upload(page, staging.data(), n);
    at += n;
  });
  uint64_t stored = 0;
  from.file.read_at(at, sizeof stored, &stored);
  if (stored != hash.value()) {
    state.trim();
    fail("{}: expected the hash {:016x} of its contents, got {:016x}: the file is damaged", path,
         stored, hash.value());
  }
  state.append(tokens.data(), from.length);
}

std::vector<int32_t> state_tokens(const std::string& path) { return StateFile(path).tokens(); }

}  // namespace qwench
