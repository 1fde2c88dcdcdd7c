// Results of `qwench bench`: cases, where their time went, memory.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bench/report/collected.h"

namespace qwench::bench::report {

namespace {

constexpr double kMsPerNs = 1e-6, kBytesPerGb = 1e9;

struct Case {
  std::string mode, key, phase, name;
  double batch = 0, depth = 0, threads = 0, n_tokens = 0;
};

/// "decode 16 tokens, batch 4, depth 512".
std::string case_name(const Case& c, const std::string& what) {
  std::string name = fmt::format("{} {} tokens", what, display(c.n_tokens));
  if (c.batch != 1) name += ", batch " + display(c.batch);
  if (c.depth != 0) name += ", depth " + display(c.depth);
  return name;
}

Case read_case(const Field& row, const std::string& policy, bool name_threads) {
  Case c;
  const std::string model = row.at("model").text(), dtype = row.at("dtype").text(),
                    kv = row.at("kv_dtype").text();
  c.mode = configuration_name(model, dtype, kv, policy);
  c.key = configuration_key(model, dtype, kv, policy);
  c.phase = row.at("phase").text();
  if (c.phase != "prefill" && c.phase != "decode") row.at("phase").refuse("prefill or decode");
  const auto count = [&](const char* key, int64_t least) {
    const Field field = row.at(key);
    if (field.integer() < least) field.refuse(fmt::format("at least {}", least));
    return double(field.integer());
  };
  c.threads = count("threads", 1), c.batch = count("batch", 1);
  c.depth = count("depth", 0), c.n_tokens = count("n_tokens", 1);
  if (name_threads) c.mode += fmt::format(", {} threads", display(c.threads));
  c.name = case_name(c, c.phase);
  return c;
}

/// Peaks of weights and of all else.
std::pair<double, double> memory_of(const Field& row) {
  double weights = 0, others = 0;
  for (const auto& [kind, counters] : row.at("memory").members())
    (kind == "weights" ? weights : others) += counters.at("peak").bytes();
  return {weights, others};
}

void add_speed(const Field& row, const Case& c, const Sampled& speed, Collected& to) {
  // Of one sequence: a step of a batch gives each of them a token.
  const double of_one =
      speed.median > 0 ? 1e3 * (c.phase == "decode" ? c.batch : 1) / speed.median : 0;
  to.speed.add({c.mode, c.name, speed.median,
                speed.median > 0 ? Cell(of_one) : Cell(Missing{"no token was processed"}),
                row.at("wall_ns").number() * 1e-9, cell_at(row, "percent_of_roofline")});
}

/// The largest of all cases.
void add_memory(const Field& row, const Case& c, Collected& to) {
  const auto [weights, others] = memory_of(row);
  for (std::vector<Cell>& cells : to.memory.rows)
    if (std::get<std::string>(cells[0]) == c.mode) {
      for (const auto& [column, bytes] : {std::pair<size_t, double>{1, weights}, {2, others}})
        cells[column] = std::max(std::get<double>(cells[column]), bytes / kBytesPerGb);
      cells[3] = std::get<double>(cells[1]) + std::get<double>(cells[2]);
      return;
    }
  to.memory.add(
      {c.mode, weights / kBytesPerGb, others / kBytesPerGb, (weights + others) / kBytesPerGb});
}

/// A case stands for its configuration when it is the plainest: batch 1, least depth, as first read.
void add_choice(const Field& row, const Case& c, const Sampled& speed, Collected& to) {
  Choice& choice = to.choice(c.key, c.mode);
  const auto [weights, others] = memory_of(row);
  choice.memory_bytes = std::max(choice.memory_bytes.value_or(0), weights + others);
  choice.weight_bytes = std::max(choice.weight_bytes.value_or(0), weights);
  if (c.batch != 1) return;
  std::optional<double>& known = c.phase == "decode" ? choice.decode : choice.prefill;
  known = std::max(known.value_or(0), speed.median);
  if (c.phase != "prefill") return;
  const std::optional<double> ns = row.find_number("ttft_ns");
  if (ns) choice.first_token_ms = std::max(choice.first_token_ms.value_or(0), *ns * kMsPerNs);
}

void add_ops(const Field& row, const Case& c, Collected& to) {
  Section& section = to.section(
      {"ops",
       "Where the time went",
       {text_column("configuration"), text_column("case"), text_column("op"), text_column("kernel"),
        number_column("calls"), number_column("time", "ms"), number_column("share", "%"),
        number_column("rate", "GB/s"), number_column("rate", "GFLOP/s")}});
  const double wall = row.find_number("ops_wall_ns").value_or(row.at("wall_ns").number());
  const std::optional<Field> ops = row.find("ops");
  if (!ops) return;
  for (const Field& op : ops->items()) {
    const double ns = op.at("ns").number();
    const auto rate = [&](const char* key) {
      return ns > 0 ? Cell(op.at(key).number() / ns)
                    : Cell(Missing{"below the clock's resolution"});
    };
    section.add({c.mode, c.name, op.at("op").text(), op.at("kernel").text(),
                 op.at("calls").number(), ns * kMsPerNs,
                 wall > 0 ? Cell(100 * ns / wall) : Cell(Missing{"no time was measured"}),
                 rate("bytes"), rate("flops")});
  }
}

/// Of rows whose energy was asked for.
void add_energy(const Field& row, const Case& c, Collected& to) {
  const std::optional<Field> energy = row.find("energy");
  if (!energy) return;
  const std::string source = energy->find_text("source"), reason = energy->find_text("reason");
  const std::string none = reason.empty() ? "not measured" : reason;
  to.section({"energy",
              "Energy",
              {text_column("configuration"), text_column("case"), text_column("source"),
               text_column("provenance"), number_column("energy", "J/token"),
               number_column("tokens", "1/J"), number_column("mean power", "W"),
               number_column("idle power", "W")}})
      .add({c.mode, c.name, source.empty() ? Cell(Missing{none}) : Cell(source),
            energy->at("provenance").text(), cell_of(energy->find_number("joules_per_token"), none),
            cell_of(energy->find_number("tokens_per_joule"), none),
            cell_of(energy->find_number("watts_mean"), none),
            cell_of(energy->find_number("idle_watts"), none)});
}

void add_first_token(const Field& row, const Case& c, size_t source, Collected& to) {
  const std::optional<Field> values = row.find("ttft_ns_values");
  if (!values) return;
  std::vector<double> ms;
  for (const Field& value : values->items()) ms.push_back(value.number() * kMsPerNs);
  if (ms.empty()) values->refuse("at least one number");
  to.measurements.push_back({source, c.mode, "first token", case_name(c, "first token of"), "ms",
                             Quantity::kLatency, sampled(std::move(ms))});
}

void add_models(const Field& root, const std::string& policy, Collected& to) {
  const Field first = root.at("rows").items().front();
  const std::string model = first.at("model").text(), dtype = first.at("dtype").text(),
                    kv = first.at("kv_dtype").text();
  const std::optional<Field> config = root.find("config");
  const std::string type = config ? config->find_text("model_type") : "";
  to.models.add({configuration_name(model, dtype, kv, policy), model,
                 type.empty() ? Cell(Missing{"the file does not say"}) : Cell(type),
                 config ? cell_at(*config, "parameters") : Cell(Missing{"the file does not say"}),
                 dtype, kv, first.at("backend").text(), policy});
}

}  // namespace

void read_bench(const Field& root, size_t source, Collected& to) {
  const std::optional<Field> config = root.find("config");
  std::string policy = config ? config->find_text("kernel_policy") : "";
  if (policy.empty()) policy = "default";
  const std::vector<Field> rows = root.at("rows").items();
  if (rows.empty()) return;
  const int64_t threads = rows.front().at("threads").integer();
  const bool several = std::any_of(rows.begin(), rows.end(), [&](const Field& row) {
    return row.at("threads").integer() != threads;
  });
  add_models(root, policy, to);
  for (const Field& row : rows) {  // of a configuration that was timed before, this result counts
    const Case c = read_case(row, policy, several);
    Choice& choice = to.choice(c.key, c.mode);
    choice.decode = choice.prefill = choice.first_token_ms = std::nullopt;
  }
  for (const Field& row : rows) {
    const Case c = read_case(row, policy, several);
    const Sampled speed = read_sampled(row.at("tokens_per_second"));
    to.measurements.push_back(
        {source, c.mode, c.phase, c.name, "tokens/s", Quantity::kThroughput, speed});
    to.sweep.push_back({configuration_name(row.at("model").text(), row.at("dtype").text(),
                                           row.at("kv_dtype").text(), policy),
                        c.phase, c.batch, c.depth, c.threads, c.n_tokens, speed});
    add_first_token(row, c, source, to);
    add_speed(row, c, speed, to);
    add_memory(row, c, to);
    add_choice(row, c, speed, to);
    add_ops(row, c, to);
    add_energy(row, c, to);
  }
}

}  // namespace qwench::bench::report
