// Reading is row_json() backwards; what a reader of the file does not need again is not read.
#include "bench/sweep/samples.h"

#include <cstdlib>
#include <limits>
#include <set>

#include "bench/machine/ceilings.h"
#include "bench/machine/host.h"
#include "bench/support/output.h"
#include "bench/support/program.h"

namespace qwench::bench {

namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

/// A name that lives as long as those of this program's own kernels.
std::string_view lasting(const std::string& name) {
  static std::set<std::string> names;
  return *names.insert(name).first;
}

/// One object of a line; `where` is for messages.
struct Reader {
  const Json& object;
  const std::string& where;

  Reader at(const char* key) const {
    if (!has(object, key) || !object.at(key).is_object())
      fail("{}: {}: expected an object", where, key);
    return {object.at(key), where};
  }
  int64_t integer(const char* key) const { return read_int(object, key, 0, kMost, where); }
  double number(const char* key) const {
    return has(object, key) ? read_number(object, key, 0, 1e300, where) : 0;
  }
  std::string text(const char* key) const { return read_string(object, key, where); }
  const Json& list(const char* key) const {
    if (!has(object, key) || !object.at(key).is_array())
      fail("{}: {}: expected a list", where, key);
    return object.at(key);
  }
  Summary summary(const char* key) const {
    std::vector<double> values;
    for (const Json& value : list(key))
      if (value.is_number()) values.push_back(value.get<double>());
    if (values.empty()) fail("{}: {}: expected numbers, got none", where, key);
    return summarize(std::move(values));
  }
};

Probe probe_of(const Reader& json) {
  Probe probe;
  probe.name = json.text("name"), probe.kernel = json.text("kernel");
  probe.unit = json.text("unit"), probe.threads = int(json.integer("threads"));
  probe.per_second = json.number("per_second"), probe.limit = json.number("limit_per_second");
  return probe;
}

Ceilings roofline_of(const Reader& json) {
  Ceilings roofline;
  roofline.dram_read = probe_of(json.at("dram_read"));
  roofline.fp32_fma = probe_of(json.at("fp32_fma"));
  roofline.int8 = probe_of(json.at("int8"));
  if (has(json.object, "bf16_dot")) roofline.bf16 = probe_of(json.at("bf16_dot"));
  if (has(json.object, "int8_vnni")) roofline.int8_dot = probe_of(json.at("int8_vnni"));
  roofline.clock_hz = json.number("clock_hz");
  return roofline;
}

InputPrecision precision_of(const Reader& json) {
  const std::string name = json.text("inputs");
  if (const auto known = input_precision_of(name)) return *known;
  fail("{}: inputs: expected {}, got {}", json.where, fmt::join(kInputPrecisionNames, ", "),
       in_quotes(name));
}

OpRecord op_of(const Reader& json) {
  OpRecord op;
  op.op = lasting(json.text("op")), op.kernel = lasting(json.text("kernel"));
  op.calls = json.integer("calls"), op.ns = json.integer("ns");
  op.cost.bytes = json.integer("bytes"), op.cost.flops = json.integer("flops");
  op.inputs = precision_of(json);
  return op;
}

Phase phase_of(const Reader& json) {
  const std::string name = json.text("phase");
  if (name == name_of(Phase::kPrefill)) return Phase::kPrefill;
  if (name == name_of(Phase::kDecode)) return Phase::kDecode;
  fail("{}: phase: expected prefill or decode, got {}", json.where, in_quotes(name));
}

CaseResult result_of(const Reader& json) {
  CaseResult r;
  r.phase = phase_of(json), r.n_tokens = json.integer("n_tokens");
  r.batch = json.integer("batch"), r.depth = json.integer("depth");
  r.tokens_per_second = json.at("tokens_per_second").summary("values");
  if (r.phase == Phase::kPrefill) r.ttft_ns = json.summary("ttft_ns_values");
  r.read_bandwidth = json.number("read_bytes_per_second");
  const Reader warm_up = json.at("warmup");
  r.warm_up.runs = warm_up.integer("runs"), r.warm_up.ns = warm_up.integer("ns");
  r.warm_up.first_ns = int64_t(warm_up.number("first_ns"));
  r.warm_up.converged = read_bool(warm_up.object, "converged", false, json.where);
  r.wall_ns = json.integer("wall_ns"), r.ops_wall_ns = json.integer("ops_wall_ns");
  r.output_hash = std::strtoull(json.text("output_hash").c_str(), nullptr, 16);
  const Reader memory = json.at("memory");
  for (size_t i = 0; i < kMemoryKinds; ++i) {
    const Reader kind = memory.at(std::string(kMemoryKindNames[i]).c_str());
    r.memory.now[i] = kind.integer("now"), r.memory.peak[i] = kind.integer("peak");
  }
  for (const Json& op : json.list("ops")) r.ops.push_back(op_of({op, json.where}));
  for (const Json& run : json.list("telemetry"))
    r.telemetry.push_back(read_telemetry(run, json.where));
  return r;
}

CaseKey key_of(const BenchRow& row) {
  return {row.threads, row.result.depth, row.result.batch, row.result.phase, row.result.n_tokens};
}

}  // namespace

std::vector<CaseKey> cases_of(const Axes& axes) {
  std::vector<CaseKey> cases;
  for (const int64_t threads : axes.threads)
    for (const int64_t depth : axes.depth)
      for (const int64_t batch : axes.batch) {
        const auto add = [&](Phase phase, int64_t n) {
          if (n) cases.push_back({int(threads), depth, batch, phase, n});
        };
        for (const int64_t n : axes.prefill) add(Phase::kPrefill, n);
        for (const int64_t n : axes.decode) add(Phase::kDecode, n);
      }
  return cases;
}

std::string label_of(const CaseKey& key) {
  return fmt::format("{} {} tokens, batch {}, depth {}, {} thread{}", name_of(key.phase),
                     key.n_tokens, key.batch, key.depth, key.threads, key.threads == 1 ? "" : "s");
}

BenchSamples::BenchSamples(const std::string& path, OrderedJson with, bool resume)
    : with_(std::move(with)), file_(path) {
  if (!resume) return;
  const Json wanted = Json::parse(with_.dump());
  int64_t others = 0;
  for (const Json& line : read_append_log(path)) {
    if (!line.is_object() || !has(line, "with") || line.at("with") != wanted) {
      ++others;
      continue;
    }
    const Reader reader{line, path};
    BenchRow row;
    row.result = result_of(reader.at("row")),
    row.threads = int(reader.at("row").integer("threads"));
    row.roofline = roofline_of(reader.at("roofline"));
    if (has(line.at("row"), "energy"))
      row.energy = read_energy(reader.at("row").at("energy").object, path);
    known_.emplace_back(key_of(row), std::move(row));
  }
  if (others)
    note(fmt::format("note: {}: {} samples were measured with something else and are not used",
                     path, others));
}

std::optional<BenchRow> BenchSamples::find(const CaseKey& key) const {
  for (auto known = known_.rbegin(); known != known_.rend(); ++known)
    if (known->first == key) return known->second;
  return std::nullopt;
}

void BenchSamples::append(const BenchReport& report, const BenchRow& row) {
  file_.append({{"time", utc_now()},
                {"with", with_},
                {"row", row_json(report, row)},
                {"roofline", to_json(row.roofline)}});
}

OrderedJson sample_conditions(const BenchOptions& options, const Axes& axes,
                              const OrderedJson& identity) {
  OrderedJson with = {{"version", version_text()},
                      {"program_hash", text_or_null(program_hash())},
                      {"cpu", host().device},
                      {"instruction_sets", isa_text()}};
  with.update(options_json(options, axes, options.model.kv_dtype));
  for (const char* axis : {"prefill_tokens", "decode_tokens", "depth", "batch", "threads"})
    with.erase(axis);
  with.update(identity);
  if (options.energy.asked()) with["energy"] = true;
  return with;
}

}  // namespace qwench::bench
