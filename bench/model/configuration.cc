// The table of keys and the reading of its values.
#include "bench/model/configuration.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "bench/support/number_option.h"
#include "bench/support/suggest.h"

namespace qwench::bench {

namespace {

struct Entry {
  std::string_view key, value, option;

  template <class... A>
  [[noreturn]] void expected(fmt::format_string<A...> format, A&&... args) const {
    fail_usage("{} {}: expected {}, got '{}'", option, key,
               fmt::format(format, std::forward<A>(args)...), value);
  }
};

template <class T>
T read_integer(const Entry& e, T min, T max) {
  T number{};
  const char* end = e.value.data() + e.value.size();
  const auto [stop, error] = std::from_chars(e.value.data(), end, number);
  if (error != std::errc() || stop != end || number < min || number > max)
    e.expected("a whole number from {} to {}", min, max);
  return number;
}

double read_fraction(const Entry& e) {
  const std::optional<double> number = parse_real(e.value);
  if (!number || *number < 0) e.expected("a number from 0 on");
  return *number;
}

bool read_switch(const Entry& e) {
  if (e.value == "on" || e.value == "true") return true;
  if (e.value == "off" || e.value == "false") return false;
  e.expected("on or off");
}

/// The value, when it is one of the words.
std::string read_word(const Entry& e, const std::vector<std::string>& words) {
  if (std::find(words.begin(), words.end(), e.value) == words.end())
    e.expected("{}", fmt::join(words, " or "));
  return std::string(e.value);
}

const char* on_off(bool on) { return on ? "on" : "off"; }

// Each sets its value and returns it in canonical form.
std::string set_model(Configuration& c, const Entry& e) { return c.model.model = e.value; }
std::string set_dtype(Configuration& c, const Entry& e) {
  std::vector<std::string> names;
  for (const DType t : kWeightDTypes) names.emplace_back(name_of(t));
  return c.model.dtype = read_word(e, names);
}
std::string set_kv_dtype(Configuration& c, const Entry& e) {
  return c.model.kv_dtype = read_word(e, {"auto", "f32", "f16", "bf16"});
}
std::string set_threads(Configuration& c, const Entry& e) {
  return std::to_string(c.model.threads = read_integer<int64_t>(e, 1, 1024));
}
std::string set_backend(Configuration& c, const Entry& e) {
  c.model.backend = backend_named(std::string(e.value));
  check_backend(c.model.backend);
  return c.model.backend;
}
std::string set_plugin(Configuration& c, const Entry& e) {
  return c.model.plugins.emplace_back(e.value);
}
std::string set_kernel(Configuration& c, const Entry& e) {
  const std::string word = read_word(e, {"reference", "default"});
  if (word == "default")
    c.model.kernels.clear();
  else
    c.model.kernels.push_back(word);
  return word;
}
std::string set_op_kernel(Configuration& c, const Entry& e) {
  const std::string op(e.key.substr(e.key.find('.') + 1));
  if (std::find(kOpNames.begin(), kOpNames.end(), op) == kOpNames.end()) {
    const std::string near = nearest(op, {kOpNames.begin(), kOpNames.end()});
    fail_usage("{} {}: expected an op, got '{}'{}; ops are {}", e.option, e.key, op,
               near.empty() ? "" : "; did you mean " + near + "?", fmt::join(kOpNames, ", "));
  }
  c.model.kernels.push_back(op + "=" + std::string(e.value));
  return std::string(e.value);
}
std::string set_prefill_chunk(Configuration& c, const Entry& e) {
  return std::to_string(c.model.prefill_chunk = read_integer<int64_t>(e, 1, 1 << 20));
}
std::string set_seed(Configuration& c, const Entry& e) {
  return std::to_string(c.model.seed = read_integer<uint64_t>(e, 0, UINT64_MAX));
}
std::string set_mmap(Configuration& c, const Entry& e) {
  return on_off(c.model.mmap = read_switch(e));
}
std::string set_check_finite(Configuration& c, const Entry& e) {
  return on_off(c.model.check_finite = read_switch(e));
}
std::string set_inject_layer(Configuration& c, const Entry& e) {
  return std::to_string(c.inject.layer = read_integer<int64_t>(e, 0, INT32_MAX));
}
std::string set_inject_noise(Configuration& c, const Entry& e) {
  return fmt::format("{}", c.inject.noise = read_fraction(e));
}

/// "3%" or "0.03".
std::string set_inject_delay(Configuration& c, const Entry& e) {
  Entry number = e;
  const bool percent = e.value.back() == '%';
  if (percent) number.value.remove_suffix(1);
  c.inject.delay = read_fraction(number) / (percent ? 100 : 1);
  if (c.inject.delay > 100) e.expected("at most 10000%");
  return std::string(e.value);
}

/// A key that ends with '*' stands for all that begin so.
struct Key {
  std::string_view key, shown;
  std::string (*set)(Configuration&, const Entry&);
};

constexpr std::string_view kDelay = "inject.delay", kBackend = "backend", kDevice = "device";

// The order is that of application and of the canonical text: `kernel` goes before the kernels of
// single ops, which change what it chose.
constexpr Key kKeys[] = {
    {"model", "model", set_model},
    {"dtype", "dtype", set_dtype},
    {"kv_dtype", "kv_dtype", set_kv_dtype},
    {"threads", "threads", set_threads},
    {kBackend, kBackend, set_backend},
    {kDevice, kDevice, set_backend},  // another word for it, which is replaced where it is read
    {"plugin", "plugin", set_plugin},
    {"kernel", "kernel", set_kernel},
    {"kernel.*", "kernel.OP", set_op_kernel},
    {"prefill_chunk", "prefill_chunk", set_prefill_chunk},
    {"seed", "seed", set_seed},
    {"mmap", "mmap", set_mmap},
    {"check_finite", "check_finite", set_check_finite},
    {"inject.layer", "inject.layer", set_inject_layer},
    {"inject.noise", "inject.noise", set_inject_noise},
    {kDelay, kDelay, set_inject_delay},
};

bool stands_for(const Key& key, std::string_view word) {
  if (key.key.back() != '*') return key.key == word;
  const std::string_view begin = key.key.substr(0, key.key.size() - 1);
  return word.size() > begin.size() && word.substr(0, begin.size()) == begin;
}

size_t row_of(const Entry& e) {
  std::vector<std::string> names;
  for (size_t i = 0; i < std::size(kKeys); ++i) {
    if (stands_for(kKeys[i], e.key)) return i;
    names.emplace_back(kKeys[i].shown);
  }
  const std::string near = e.key == "checkpoint" ? "model" : nearest(e.key, names);
  fail_usage("{}: unknown key '{}'{}; keys are {}", e.option, e.key,
             near.empty() ? "" : "; did you mean " + near + "?", configuration_keys());
}

struct Setting {
  size_t row;  // of kKeys
  Entry entry;
};

Setting read_setting(std::string_view item, std::string_view option) {
  const size_t equals = item.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == item.size())
    fail_usage("{}: expected key=value, got '{}'; keys are {}", option, item, configuration_keys());
  Entry entry{item.substr(0, equals), item.substr(equals + 1), option};
  if (entry.key == kDevice) entry.key = kBackend;
  return {row_of(entry), entry};
}

/// The settings of a list that is not empty, sorted by the rows of the table.
std::vector<Setting> read_settings(std::string_view list, std::string_view option) {
  std::vector<Setting> settings;
  for (size_t comma = 0;; list.remove_prefix(comma + 1)) {
    comma = list.find(',');
    const Setting setting = read_setting(list.substr(0, comma), option);
    for (const Setting& other : settings)
      if (other.entry.key == setting.entry.key)
        fail_usage("{}: key '{}' is given twice", option, setting.entry.key);
    settings.push_back(setting);
    if (comma == std::string_view::npos) break;
  }
  std::sort(settings.begin(), settings.end(), [](const Setting& a, const Setting& b) {
    return std::tie(a.row, a.entry.key) < std::tie(b.row, b.entry.key);
  });
  return settings;
}

void check_injection(const std::vector<Setting>& settings, std::string_view option) {
  int given = 0;
  for (const Setting& s : settings)
    given += s.entry.key == "inject.layer" || s.entry.key == "inject.noise";
  if (given == 1)
    fail_usage("{}: expected inject.layer and inject.noise together, got one of them", option);
}

}  // namespace

std::string configuration_keys() {
  std::string keys;
  for (const Key& key : kKeys) keys += (keys.empty() ? "" : ", ") + std::string(key.shown);
  return keys;
}

Configuration parse_configuration(std::string_view text, const ModelOptions& base,
                                  std::string_view option) {
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  if (colon == std::string_view::npos || name.empty() ||
      name.find_first_of("=, \t\n") != std::string_view::npos)
    fail_usage("{}: expected NAME:key=value,key=value (`NAME:` alone is the default), got '{}'",
               option, text);
  Configuration c;
  c.name = name, c.model = base;
  std::vector<Setting> settings;
  if (colon + 1 < text.size()) settings = read_settings(text.substr(colon + 1), option);
  check_injection(settings, option);
  std::vector<std::string> canonical, loaded;
  for (const Setting& s : settings) {
    canonical.push_back(fmt::format("{}={}", s.entry.key, kKeys[s.row].set(c, s.entry)));
    if (s.entry.key != kDelay) loaded.push_back(canonical.back());
  }
  c.text = fmt::format("{}:{}", c.name, fmt::join(canonical, ","));
  c.loaded = fmt::format("{}", fmt::join(loaded, ","));
  return c;
}

OrderedJson injection_json(const Configuration& configuration) {
  const Injection& inject = configuration.inject;
  const bool noise = inject.layer >= 0;
  if (!noise && inject.delay == 0) return nullptr;
  const auto known = [&](auto value) { return noise ? OrderedJson(value) : OrderedJson(nullptr); };
  return {{"layer", known(inject.layer)},
          {"noise", known(inject.noise)},
          {"seed", known(configuration.model.seed)},
          {"delay", inject.delay}};
}

void require_distinct_names(const std::vector<Configuration>& configurations) {
  for (size_t i = 0; i < configurations.size(); ++i)
    for (size_t k = 0; k < i; ++k)
      if (configurations[i].name == configurations[k].name)
        fail_usage("configurations: expected different names, got '{}' twice ({} and {})",
                   configurations[i].name, configurations[k].text, configurations[i].text);
}

}  // namespace qwench::bench
