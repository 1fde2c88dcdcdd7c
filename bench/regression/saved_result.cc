// What a result must agree on with another is one table of members of its `config` and `environment`.
#include "bench/regression/saved_result.h"

#include <limits>

#include "bench/support/statistics.h"
#include "bench/sweep/report.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr double kMostNumber = 1e300;

const Json& object_at(const Json& parent, const char* key, const std::string& where) {
  if (!has(parent, key) || !parent.at(key).is_object())
    fail("{}: {}: expected an object as a result of `qwench bench` has it, got {}", where, key,
         has(parent, key) ? describe(parent.at(key)) : "nothing");
  return parent.at(key);
}

const Json& list_at(const Json& parent, const char* key, const std::string& where) {
  if (!has(parent, key) || !parent.at(key).is_array())
    fail("{}: {}: expected a list as a result of `qwench bench` has it, got {}", where, key,
         has(parent, key) ? describe(parent.at(key)) : "nothing");
  return parent.at(key);
}

/// A result's two blocks, and how messages name it.
struct Blocks {
  const Json &config, &environment;
  const std::string& where;

  std::string text(const char* key) const { return read_string(config, key, where + ": config"); }
  std::string number(const char* key) const {
    return std::to_string(read_int(config, key, 0, kMost, where + ": config"));
  }
  std::string flag(const char* key) const {
    if (!has(config, key)) fail("{}: config: key '{}' is missing", where, key);
    return read_bool(config, key, false, where + ": config") ? "on" : "off";
  }
  const Json& part(const char* name) const {
    return object_at(environment, name, where + ": environment");
  }
};

std::string model_of(const Blocks& b) {
  return fmt::format("{} ({}, {} parameters)", b.text("model"), b.text("model_type"),
                     b.number("parameters"));
}

std::string build_of(const Blocks& b) {
  const Json& tool = b.part("tool");
  const std::string where = b.where + ": environment.tool";
  return fmt::format("{} ({}){}", read_string(tool, "build_type", where),
                     read_string(tool, "flags", where),
                     read_bool(tool, "sanitizer", false, where) ? " with sanitizers" : "");
}

/// Their file names: the folder says nothing about what they compute.
std::string plugins_of(const Blocks& b) {
  std::string names;
  for (const Json& path : list_at(b.config, "plugins", b.where + ": config")) {
    if (!path.is_string())
      fail("{}: config: plugins: expected texts, got {}", b.where, describe(path));
    const auto whole = path.get<std::string>();
    names += (names.empty() ? "" : ", ") + whole.substr(whole.find_last_of('/') + 1);
  }
  return names.empty() ? "none" : names;
}

std::string machine_of(const Blocks& b) {
  const Json& cpu = b.part("cpu");
  const std::string where = b.where + ": environment.cpu";
  return fmt::format("{}, {} cores, {}", read_string(cpu, "model", where),
                     read_int(cpu, "physical_cores", 0, kMost, where),
                     read_string(cpu, "isa", where));
}

/// Cold runs are others than warm ones; how many warm ones were asked for says little.
std::string warmup_of(const Blocks& b) { return b.number("warmup") == "0" ? "none" : "some"; }

struct Field {
  const char* name;
  std::string (*value)(const Blocks&);
};
constexpr Field kFields[] = {
    {"model", model_of},
    {"dtype", [](const Blocks& b) { return b.text("dtype"); }},
    {"kv_dtype", [](const Blocks& b) { return b.text("kv_dtype"); }},
    {"backend", [](const Blocks& b) { return b.text("backend"); }},
    {"kernels", [](const Blocks& b) { return b.text("kernel_policy"); }},
    {"plugins", plugins_of},
    {"isa", [](const Blocks& b) { return b.text("isa"); }},
    {"build", build_of},
    {"machine", machine_of},
    {"prefill_chunk", [](const Blocks& b) { return b.number("prefill_chunk"); }},
    {"ctx", [](const Blocks& b) { return b.number("ctx"); }},
    {"seed", [](const Blocks& b) { return b.number("seed"); }},
    {"mmap", [](const Blocks& b) { return b.flag("mmap"); }},
    {"check_finite", [](const Blocks& b) { return b.flag("check_finite"); }},
    {"warmup", warmup_of},
};

/// Speeds and times of runs: a value a run, each above 0.
std::vector<double> samples(const Json& list, const std::string& what, const std::string& where) {
  if (!list.is_array() || list.empty())
    fail("{}: {}: expected a list of numbers, got {}", where, what, describe(list));
  std::vector<double> values;
  for (const Json& value : list) {
    if (!value.is_number() || !(value.get<double>() > 0))
      fail("{}: {}: expected numbers above 0, got {}; the file is damaged or no measurement", where,
           what, describe(value));
    values.push_back(value.get<double>());
  }
  return values;
}

double memory_of(const Json& row, const std::string& where) {
  double bytes = 0;
  for (const auto& [kind, counters] : object_at(row, "memory", where).items()) {
    if (!counters.is_object())
      fail("{}: memory.{}: expected an object, got {}", where, kind, describe(counters));
    bytes += read_number(counters, "peak", 0, 1e18, where + ": memory." + kind);
  }
  if (bytes <= 0) fail("{}: memory: expected peaks above 0 bytes, got 0", where);
  return bytes;
}

int64_t contaminated_runs_of(const Json& row, const std::string& where) {
  int64_t n = 0;
  if (!has(row, "telemetry")) return n;
  for (const Json& run : list_at(row, "telemetry", where)) {
    if (!run.is_object()) fail("{}: telemetry: expected objects, got {}", where, describe(run));
    if (has(run, "contaminated") && !list_at(run, "contaminated", where + ": telemetry").empty())
      ++n;
  }
  return n;
}

SavedCase read_case(const Json& row, const std::string& where) {
  if (!row.is_object()) fail("{}: expected an object, got {}", where, describe(row));
  const auto integer = [&](const char* key) { return read_int(row, key, 0, kMost, where); };
  SavedCase c;
  c.phase = read_string(row, "phase", where);
  c.n_tokens = integer("n_tokens"), c.batch = integer("batch");
  c.depth = integer("depth"), c.threads = integer("threads");
  const Json& speed = object_at(row, "tokens_per_second", where);
  c.tokens_per_second = samples(list_at(speed, "values", where + ": tokens_per_second"),
                                "tokens_per_second.values", where);
  if (has(row, "ttft_ns_values"))
    c.first_token_ms = samples(row.at("ttft_ns_values"), "ttft_ns_values", where);
  for (double& ns : c.first_token_ms) ns /= 1e6;
  c.memory_bytes = memory_of(row, where);
  if (has(row, "read_bytes_per_second"))
    c.read_bytes_per_second = read_number(row, "read_bytes_per_second", 1, kMostNumber, where);
  c.contaminated_runs = contaminated_runs_of(row, where);
  if (has(row, "output_hash")) c.output_hash = read_string(row, "output_hash", where);
  return c;
}

/// Rows that were put together from several results say so themselves.
void require_own_row(const Json& row, const Json& config, const std::string& where) {
  for (const char* key : {"model", "dtype", "kv_dtype", "backend"}) {
    if (!has(row, key)) continue;
    const std::string own = read_string(config, key, where), got = read_string(row, key, where);
    if (own != got)
      fail("{}: {}: expected {} as in the document's config, got {}", where, key, in_quotes(own),
           in_quotes(got));
  }
}

/// Of the first thread count, as the ceilings of all were measured in one run.
std::optional<double> fp32_peak_of(const Json& document, const std::string& where) {
  if (!has(document, "roofline")) return std::nullopt;
  const Json& list = list_at(document, "roofline", where);
  if (list.empty()) return std::nullopt;
  const Json& first = list.front();
  if (!first.is_object() || !has(first, "fp32_fma")) return std::nullopt;
  const Json& probe = object_at(first, "fp32_fma", where + ": roofline[0]");
  const double rate = read_number(probe, "per_second", 0, kMostNumber, where + ": fp32_fma");
  return rate > 0 ? std::optional(rate) : std::nullopt;
}

std::string version_of(const Json& document, const std::string& where) {
  const Json& tool = object_at(object_at(document, "environment", where), "tool", where);
  const auto text = [&](const char* key) {
    return has(tool, key) ? read_string(tool, key, where + ": environment.tool") : "unknown";
  };
  return fmt::format("{} (commit {}, {})", text("version"), text("git_hash"), text("compiler"));
}

void require_bench_result(const Json& document, const std::string& name) {
  if (!document.is_object())
    fail("{}: expected a result of `qwench bench`, got {}", name, describe(document));
  if (has(document, "command"))
    if (const std::string command = read_string(document, "command", name); command != "bench")
      fail("{}: expected a result of `qwench bench`, got one of `qwench {}`", name, command);
  const int64_t schema = read_int(document, "schema_version", 0, INT32_MAX, name);
  if (schema != kSchemaVersion)
    fail("{}: schema_version: expected {}, got {}; measure it again with this program", name,
         kSchemaVersion, schema);
}

}  // namespace

std::vector<std::string> condition_fields() {
  std::vector<std::string> names;
  for (const Field& field : kFields) names.emplace_back(field.name);
  return names;
}

std::vector<Condition> conditions_of(const Json& document, const std::string& where) {
  const Blocks blocks{object_at(document, "config", where),
                      object_at(document, "environment", where), where};
  std::vector<Condition> conditions;
  for (const Field& field : kFields) conditions.push_back({field.name, field.value(blocks)});
  return conditions;
}

bool SavedCase::same_case(const SavedCase& o) const {
  return phase == o.phase && n_tokens == o.n_tokens && batch == o.batch && depth == o.depth &&
         threads == o.threads;
}

std::string SavedCase::flags() const {
  std::string text;
  if (unstable(tokens_per_second))
    text = fmt::format("the runs scatter by {:.0f} % of their mean",
                       100 * standard_deviation(tokens_per_second) / mean(tokens_per_second));
  if (contaminated_runs)
    text += fmt::format("{}{} of {} runs contaminated", text.empty() ? "" : ", ", contaminated_runs,
                        tokens_per_second.size());
  return text;
}

std::string SavedCase::label() const {
  return fmt::format("{} {} tokens, batch {}, depth {}, {} threads", phase, n_tokens, batch, depth,
                     threads);
}

SavedResult read_saved_result(const Json& document, const std::string& name) {
  require_bench_result(document, name);
  SavedResult result;
  result.name = name;
  result.conditions = conditions_of(document, name);
  result.version = version_of(document, name);
  result.fp32_peak = fp32_peak_of(document, name);
  result.interrupted = read_bool(document, "interrupted", false, name);
  for (const Json& row : list_at(document, "rows", name)) {
    const std::string where = fmt::format("{}: rows[{}]", name, result.cases.size());
    SavedCase c = read_case(row, where);
    require_own_row(row, document.at("config"), where);
    for (const SavedCase& other : result.cases)
      if (other.same_case(c)) fail("{}: expected every case once, got {} again", where, c.label());
    result.cases.push_back(std::move(c));
  }
  return result;
}

}  // namespace qwench::bench
