// One table of traits: a new thing that can change a figure is a row of it.
#include "bench/report/subject.h"

#include <fmt/format.h>

#include "bench/report/tables.h"
#include "engine/base/format_bytes.h"

namespace qwench::bench::report {

namespace {

/// The three places where a document says what it was measured with.
struct Places {
  const Field& configuration;
  std::optional<Field> config, environment;

  std::optional<Field> find(std::string_view key) const {
    if (const auto own = configuration.find(key)) return own;
    return config ? config->find(key) : std::nullopt;
  }
  std::optional<Field> find(std::string_view block, std::string_view key) const {
    const std::optional<Field> found = environment ? environment->find(block) : std::nullopt;
    return found ? found->find(key) : std::nullopt;
  }
  std::string text(std::string_view key) const {
    const std::optional<Field> found = find(key);
    return found ? found->text() : std::string();
  }
};

struct Value {
  std::optional<std::string> value;
  std::string shown;
};

/// A value that people read as it is; unknown when empty.
Value plain(std::string text) {
  if (text.empty()) return {};
  return {text, text};
}
Value plain(const std::optional<Field>& field) {
  if (!field) return {};
  return plain(field->json().is_string() ? field->text() : printable_text(field->json().dump()));
}

Value hash_of(const Places& at) {
  const std::string hash = at.text("checkpoint_hash");
  return hash.empty() ? Value{} : Value{hash, "weights " + hash.substr(0, 8)};
}

Value plugins_of(const Places& at) {
  const std::optional<Field> hashes = at.find("plugin_hashes");
  if (!hashes) return {};
  std::string all;
  for (const Field& hash : hashes->items()) all += (all.empty() ? "" : " ") + hash.text();
  return {all, all.empty() ? "no plug-in" : "plug-in " + all};
}

/// What cannot damage anything (`bench`, suites) need not say that it did not.
Value damage_of(const Places& at, bool harmless) {
  const Json& json = at.configuration.json();
  if (!harmless && !json.contains("injection")) return {};
  const std::optional<Field> injection = at.configuration.find("injection");
  const auto layer = injection ? injection->find_number("layer") : std::nullopt;
  if (!layer) return {"none", "no damage"};
  const double noise = injection->at("noise").number();
  const std::optional<Field> seed = injection->find("seed");
  return {fmt::format("{} {} {}", exact(noise), *layer, seed ? seed->json().dump() : ""),
          fmt::format("noise {} in layer {}", display(noise), *layer)};
}

Value delay_of(const Places& at, bool harmless) {
  if (!harmless && !at.configuration.json().contains("injection")) return {};
  const std::optional<Field> injection = at.configuration.find("injection");
  const double delay = injection ? injection->find_number("delay").value_or(0) : 0;
  if (delay == 0) return {"none", "no delay"};
  return {exact(delay), fmt::format("every op {} % slower", display(100 * delay))};
}

/// Two builds of one commit may differ: what is compared is the hash of the program's file.
Value program_of(const Places& at) {
  const std::optional<Field> hash = at.find("tool", "program_hash");
  if (!hash) return {};
  std::string shown;
  for (const char* key : {"version", "git_hash", "build_type"})
    if (const auto part = at.find("tool", key))
      shown += (shown.empty() ? "program " : ", ") + part->text();
  return {hash->text(), fmt::format("{}, build {}", shown, hash->text().substr(0, 8))};
}

Value machine_of(const Places& at) {
  std::string all;
  for (const char* key :
       {"model", "physical_cores", "logical_cores", "virtual_machine", "governor"})
    if (const auto part = at.find("cpu", key))
      all += (all.empty() ? "" : ", ") + std::string(key == std::string_view("model") ? "" : key) +
             (part->json().is_string() ? part->text() : " " + part->json().dump());
  if (all.empty()) return {};
  if (const auto kernel = at.find("os", "kernel")) all += ", " + kernel->text();
  if (at.environment)
    if (const auto ram = at.environment->find_number("ram_bytes"))
      all += ", " + format_bytes(int64_t(*ram));
  return {all, all};
}

Value threads_of(const Places& at) {
  const std::optional<Field> threads = at.configuration.find("threads");
  if (!threads) return {};
  const int64_t n = threads->integer();
  return {std::to_string(n), fmt::format("{} thread{}", n, n == 1 ? "" : "s")};
}

/// `words` says the value: "mmap", "prefill chunk".
Value setting_of(const Places& at, const char* key, const char* words) {
  const Value value = plain(at.find(key));
  if (!value.value) return {};
  if (*value.value == "true") return {value.value, words};
  if (*value.value == "false") return {value.value, fmt::format("no {}", words)};
  return {value.value, fmt::format("{} {}", words, *value.value)};
}

}  // namespace

Subject read_subject(const Field& configuration, const Field& root) {
  const Places at{configuration, root.find("config"), root.find("environment")};
  const std::string command = root.at("command").text();
  const bool harmless = command == "bench" || command == "suites";
  Subject s;
  s.model = at.text("model"), s.dtype = at.text("dtype"), s.kv_dtype = at.text("kv_dtype");
  s.policy = at.text("kernel_policy"), s.backend = at.text("backend");
  const auto add = [&](const char* name, Changes changes, Value v) {
    s.traits.push_back({name, changes, std::move(v.value), std::move(v.shown)});
  };
  add("weights", Changes::kNumbers, hash_of(at));
  add("weight type", Changes::kNumbers, plain(s.dtype));
  add("keys and values", Changes::kNumbers, plain(s.kv_dtype));
  add("backend", Changes::kNumbers, plain(s.backend));
  add("kernels", Changes::kNumbers, plain(s.policy));
  add("plug-ins", Changes::kNumbers, plugins_of(at));
  add("damage", Changes::kNumbers, damage_of(at, harmless));
  add("instruction sets", Changes::kNumbers, plain(at.find("cpu", "isa")));
  add("program", Changes::kNumbers, program_of(at));
  add("threads", Changes::kSpeed, threads_of(at));
  add("delay", Changes::kSpeed, delay_of(at, harmless));
  add("prefill chunk", Changes::kSpeed, setting_of(at, "prefill_chunk", "prefill chunk"));
  add("finite check", Changes::kSpeed, setting_of(at, "check_finite", "finite check"));
  add("mapped files", Changes::kSpeed, setting_of(at, "mmap", "mapped files"));
  add("machine", Changes::kSpeed, machine_of(at));
  return s;
}

std::vector<size_t> differing(const Subject& a, const Subject& b, Changes changes) {
  std::vector<size_t> list;
  for (size_t i = 0; i < a.traits.size(); ++i) {
    const Trait &x = a.traits[i], &y = b.traits[i];
    if (x.changes == Changes::kSpeed && changes == Changes::kNumbers) continue;
    if (!x.value || !y.value || *x.value != *y.value) list.push_back(i);
  }
  return list;
}

bool same(const Subject& a, const Subject& b, Changes changes) {
  return differing(a, b, changes).empty();
}

std::string difference(const Subject& here, const Subject& there, Changes changes) {
  std::string text;
  const auto said = [](const Trait& trait) { return trait.value ? trait.shown : "not known"; };
  for (const size_t i : differing(here, there, changes))
    text += fmt::format("{}{}: {} here, {} there", text.empty() ? "" : "; ", here.traits[i].name,
                        said(here.traits[i]), said(there.traits[i]));
  return text;
}

std::optional<std::string> numbers_key(const Subject& subject) {
  std::string key;
  for (const Trait& trait : subject.traits) {
    if (trait.changes != Changes::kNumbers) continue;
    if (!trait.value) return std::nullopt;
    key += "\n" + *trait.value;
  }
  return key;
}

std::string configuration_name(const Subject& s) {
  std::string name = s.model + (s.dtype.empty() ? "" : " " + s.dtype);
  if (!s.kv_dtype.empty() && s.kv_dtype != "f32") name += ", kv " + s.kv_dtype;
  if (!s.policy.empty() && s.policy != "default")
    name += ", " + (s.policy.size() > 40 ? "forced kernels" : s.policy);
  return name;
}

}  // namespace qwench::bench::report
