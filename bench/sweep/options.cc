// One table of keys says how an option is called in a result, how on the command line, and how its value
// is read.
#include "bench/sweep/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "bench/machine/host.h"
#include "bench/support/list_option.h"
#include "bench/support/number_option.h"
#include "bench/support/output_file.h"
#include "bench/support/program.h"
#include "bench/support/suggest.h"
#include "cpu/cpu_backend.h"

namespace qwench::bench {

namespace {

constexpr int64_t kMostTokens = int64_t(1) << 24;

/// A value of a config file on its way into an option.
struct Value {
  const Json& config;
  std::string_view key;
  const std::string& path;

  std::string text() const { return read_string(config, key, path); }
  int64_t integer(int64_t min, int64_t max) const { return read_int(config, key, min, max, path); }
  uint64_t seed() const {
    const Json& value = config.at(std::string(key));
    if (!value.is_number_unsigned())
      fail("{}: {}: expected an integer from 0 to {}, got {}", path, key, UINT64_MAX,
           describe(value));
    return value.get<uint64_t>();
  }
  bool flag() const { return read_bool(config, key, false, path); }
  /// [1, 2] as "1,2".
  std::string list() const {
    const Json& array = config.at(std::string(key));
    if (!array.is_array())
      fail("{}: {}: expected a list of numbers, got {}", path, key, describe(array));
    std::string items;
    for (const Json& item : array)
      items += (items.empty() ? "" : ",") + std::to_string(as_int(item, key, 0, kMostTokens, path));
    return items;
  }
  std::vector<std::string> texts() const {
    const Json& array = config.at(std::string(key));
    std::vector<std::string> items;
    if (!array.is_array())
      fail("{}: {}: expected a list of texts, got {}", path, key, describe(array));
    for (const Json& item : array) {
      if (!item.is_string()) fail("{}: {}: expected texts, got {}", path, key, describe(item));
      items.push_back(item.get<std::string>());
    }
    return items;
  }
};

/// "~/models/x" with the user's home folder.
std::string with_home(std::string path) {
  const char* home = std::getenv("HOME");
  return path.rfind("~/", 0) == 0 && home ? home + path.substr(1) : path;
}

/// The text as one word of a shell; plain where it can be, so that ~ still is the home folder.
std::string shell_word(const std::string& text) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("_-./~+,:@%=").find(char(c)) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

/// A file is data: it loads no code. Whoever trusts a library names it.
void refuse_plugins(const Value& value) {
  std::string options;
  for (const std::string& path : value.texts()) options += " --plugin " + shell_word(path);
  if (!options.empty())
    fail_usage("{}: was measured with plug-ins, which only the command line may load; add{}",
               value.path, options);
}

struct Key {
  std::string_view key, option;  // option "": said by the others, only there to be read by people
  void (*set)(BenchOptions&, const Value&);
};

void set_backend(BenchOptions& o, const Value& v) {
  if (v.key == "device" && has(v.config, "backend"))
    fail("{}: config: expected one of backend and device, got both", v.path);
  o.model.backend = backend_named(v.text());
}

constexpr Key kKeys[] = {
    {"model_path", "-m",
     [](BenchOptions& o, const Value& v) { o.model.model = with_home(v.text()); }},
    {"weights", "--dtype", [](BenchOptions& o, const Value& v) { o.model.dtype = v.text(); }},
    {"kv_dtype", "--kv-dtype",
     [](BenchOptions& o, const Value& v) { o.model.kv_dtype = v.text(); }},
    {"backend", "--backend", set_backend},
    {"device", "--backend", set_backend},
    {"kernels", "--kernel", [](BenchOptions& o, const Value& v) { o.model.kernels = v.texts(); }},
    {"plugins", "--plugin", [](BenchOptions&, const Value& v) { refuse_plugins(v); }},
    {"isa", "--isa",
     [](BenchOptions&, const Value& v) {
       if (!cpu::limit_isa(v.text()))
         fail("{}: isa: expected {}, got '{}'", v.path, fmt::join(cpu::kIsaLimitNames, ", "),
              v.text());
     }},
    {"prefill_tokens", "-p", [](BenchOptions& o, const Value& v) { o.prefill = v.list(); }},
    {"decode_tokens", "-n", [](BenchOptions& o, const Value& v) { o.decode = v.list(); }},
    {"depth", "-d", [](BenchOptions& o, const Value& v) { o.depth = v.list(); }},
    {"batch", "-b", [](BenchOptions& o, const Value& v) { o.batch = v.list(); }},
    {"threads", "-t", [](BenchOptions& o, const Value& v) { o.threads = v.list(); }},
    {"runs", "--runs", [](BenchOptions& o, const Value& v) { o.runs = v.integer(1, 10000); }},
    {"warmup", "--warmup", [](BenchOptions& o, const Value& v) { o.warmup = v.integer(0, 1000); }},
    {"prefill_chunk", "--prefill-chunk",
     [](BenchOptions& o, const Value& v) { o.model.prefill_chunk = v.integer(1, 1 << 20); }},
    {"ctx", "--ctx",
     [](BenchOptions& o, const Value& v) { o.model.capacity = v.integer(0, int64_t(1) << 31); }},
    {"seed", "--seed", [](BenchOptions& o, const Value& v) { o.model.seed = v.seed(); }},
    {"mmap", "--mmap", [](BenchOptions& o, const Value& v) { o.model.mmap = v.flag(); }},
    {"check_finite", "--check-finite",
     [](BenchOptions& o, const Value& v) { o.model.check_finite = v.flag(); }},
    {"energy", "--energy", [](BenchOptions& o, const Value& v) { o.energy.wanted = v.flag(); }},
    {"model", "", nullptr},
    {"model_type", "", nullptr},
    {"parameters", "", nullptr},
    {"dtype", "", nullptr},
    {"capacity", "", nullptr},
    {"kernel_policy", "", nullptr},
    {"checkpoint_hash", "", nullptr},
    {"plugin_hashes", "", nullptr},
};

/// `command` need not have the option.
bool given(const CLI::App& command, const std::string& option) {
  const CLI::Option* found = command.get_option_no_throw(option);
  return found && found->count() > 0;
}

const Key& key_of(const std::string& name, const std::string& path) {
  std::vector<std::string> names;
  for (const Key& key : kKeys) {
    if (key.key == name) return key;
    names.emplace_back(key.key);
  }
  const std::string near = nearest(name, names);
  fail("{}: config: unknown key {}{}", path, in_quotes(name),
       near.empty() ? "" : "; did you mean " + near + "?");
}

}  // namespace

Axes read_axes(const BenchOptions& o) {
  Axes axes;
  axes.prefill = parse_axis(o.prefill, "-p", 0, kMostTokens);
  axes.decode = parse_axis(o.decode, "-n", 0, kMostTokens);
  axes.depth = parse_axis(o.depth, "-d", 0, kMostTokens);
  axes.batch = parse_axis(o.batch, "-b", 1, 4096);
  axes.threads = o.threads.empty() ? std::vector<int64_t>{host().physical_cores}
                                   : parse_axis(o.threads, "-t", 1, 1024);
  if (axes.most_tokens() == 0) fail_usage("-p, -n: expected tokens to process, got 0 for both");
  return axes;
}

int64_t capacity_of(const BenchOptions& o, const Axes& axes, int64_t depth) {
  const int64_t needed = depth + axes.most_tokens();
  if (o.model.capacity && o.model.capacity < needed)
    fail_usage("--ctx: expected at least {} (depth {} and {} tokens), got {}", needed, depth,
               axes.most_tokens(), o.model.capacity);
  return std::max(needed, o.model.capacity);
}

void declare_bench_options(CLI::App& command, BenchOptions& o) {
  add_model_options(command, o.model);
  add_isa_option(command);
  command.add_option("-t,--threads", o.threads,
                     "Thread counts, e.g. 1,2 (default: physical cores)");
  command.add_option("-p,--prompt-tokens", o.prefill, "Prefill lengths; 0: none")
      ->capture_default_str();
  command.add_option("-n,--new-tokens", o.decode, "Decode lengths; 0: none")->capture_default_str();
  command.add_option("-d,--depth", o.depth, "Tokens of context before")->capture_default_str();
  command.add_option("-b,--batch,--batch-size", o.batch, "Sequences at once")
      ->capture_default_str();
  command.add_option("--runs", o.runs, "Timed runs of a case")
      ->transform(number_within(int64_t(1), int64_t(10000)))
      ->capture_default_str();
  command
      .add_option("--warmup", o.warmup,
                  "Untimed runs before, at least: they go on until three agree within 2 %,\n"
                  "for up to 10 runs or 3 s; 0: none")
      ->transform(number_within(int64_t(0), int64_t(1000)))
      ->capture_default_str();
  command.add_flag("--no-warmup", o.no_warmup, "Same as --warmup 0");
  add_energy_options(command, o.energy);
  CLI::Option* json = command.add_flag("--json", o.json, "One JSON document on stdout");
  command.add_flag("--csv", o.csv, "One CSV line per row on stdout")->excludes(json);
  add_output_option(command, "--samples", o.samples,
                    "Append every case to this file as soon as it is measured");
  command.add_flag("--resume", o.resume,
                   "Take the cases that --samples has, measure only the others; suites: those of\n"
                   "OUTPUT/suites.jsonl");
  command.add_flag("--plan", o.plan,
                   "Say what would be measured, in what memory and time; no more");
  add_output_option(command, "--trace", o.trace,
                    "Write the time of every op to this file, for Perfetto");
  add_output_option(command, "--output,--output-file", o.output,
                    "Write the JSON document to this file besides; suites: or to this folder");
  command.add_option(
      "--config", o.config,
      "Run again what this result of `bench` was made with; options given beside it win");
}

void apply_config_file(const CLI::App& command, BenchOptions& o) {
  if (o.config.empty()) return;
  const Json document = parse_json_file(o.config);
  const Json& config = has(document, "config") ? document.at("config") : document;
  if (!config.is_object())
    fail("{}: expected a result of `qwench bench`, or its config, got {}", o.config,
         describe(config));
  for (const auto& [name, value] : config.items()) {
    const Key& key = key_of(name, o.config);
    if (key.set && !given(command, std::string(key.option)))
      key.set(o, {config, key.key, o.config});
  }
}

OrderedJson options_json(const BenchOptions& o, const Axes& axes, const std::string& kv_dtype) {
  std::vector<std::string> plugins;
  for (const std::string& path : o.model.plugins) plugins.push_back(without_home(path));
  return {{"model_path", without_home(o.model.model)},
          {"weights", o.model.dtype},
          {"kv_dtype", kv_dtype},
          {"backend", o.model.backend},
          {"kernels", o.model.kernels},
          {"plugins", plugins},
          {"isa", isa_option()},
          {"prefill_tokens", axes.prefill},
          {"decode_tokens", axes.decode},
          {"depth", axes.depth},
          {"batch", axes.batch},
          {"threads", axes.threads},
          {"runs", o.runs},
          {"warmup", o.no_warmup ? 0 : o.warmup},
          {"prefill_chunk", o.model.prefill_chunk},
          {"ctx", o.model.capacity},
          {"seed", o.model.seed},
          {"mmap", o.model.mmap},
          {"check_finite", o.model.check_finite}};
}

}  // namespace qwench::bench
