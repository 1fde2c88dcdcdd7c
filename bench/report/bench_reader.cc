// Results of `qwench bench`: cases, where their time went, memory.
#include <fmt/format.h>

#include <algorithm>

#include "bench/report/collected.h"

namespace qwench::bench::report {

namespace {

constexpr double kMsPerNs = 1e-6, kBytesPerGb = 1e9;

struct Case {
  const Named* named = nullptr;
  std::string phase, name;
  double batch = 0, depth = 0, threads = 0, n_tokens = 0;
  const std::string& mode() const { return named->mode; }
};

/// "decode 16 tokens, batch 4, depth 512".
std::string case_name(const Case& c, const std::string& what) {
  std::string name = fmt::format("{} {} tokens", what, display(c.n_tokens));
  if (c.batch != 1) name += ", batch " + display(c.batch);
  if (c.depth != 0) name += ", depth " + display(c.depth);
  return name;
}

Case read_case(const Field& row, size_t source, const Choices& choices) {
  Case c;
  c.named = &choices.at(source, bench_key(row));
  c.phase = row.at("phase").text();
  if (c.phase != "prefill" && c.phase != "decode") row.at("phase").refuse("prefill or decode");
  const auto count = [&](const char* key, int64_t least) {
    const Field field = row.at(key);
    if (field.integer() < least) field.refuse(fmt::format("at least {}", least));
    return double(field.integer());
  };
  c.threads = count("threads", 1), c.batch = count("batch", 1);
  c.depth = count("depth", 0), c.n_tokens = count("n_tokens", 1);
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
  to.speed.add({c.mode(), c.name, speed.median,
                speed.median > 0 ? Cell(of_one) : Cell(Missing{"no token was processed"}),
                row.at("wall_ns").number() * 1e-9, cell_at(row, "percent_of_roofline")});
}

/// The largest of all cases.
void add_memory(const Field& row, const Case& c, Collected& to) {
  const auto [weights, others] = memory_of(row);
  for (std::vector<Cell>& cells : to.memory.rows)
    if (std::get<std::string>(cells[0]) == c.mode()) {
      for (const auto& [column, bytes] : {std::pair<size_t, double>{1, weights}, {2, others}})
        cells[column] = std::max(std::get<double>(cells[column]), bytes / kBytesPerGb);
      cells[3] = std::get<double>(cells[1]) + std::get<double>(cells[2]);
      return;
    }
  to.memory.add(
      {c.mode(), weights / kBytesPerGb, others / kBytesPerGb, (weights + others) / kBytesPerGb});
}

void add_choice(const Field& row, const Case& c, size_t measurement, Collected& to) {
  const auto [weights, others] = memory_of(row);
  TimedCase timed{c.name,       c.phase == "decode", false,  c.batch, c.depth, measurement,
                  std::nullopt, weights + others,    weights};
  if (const auto ns = row.find_number("ttft_ns")) timed.first_token_ms = *ns * kMsPerNs;
  to.choices.add(*c.named, std::move(timed));
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
    section.add({c.mode(), c.name, op.at("op").text(), op.at("kernel").text(),
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
      .add({c.mode(), c.name, source.empty() ? Cell(Missing{none}) : Cell(source),
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
  to.measurements.push_back({source, c.mode(), "first token", case_name(c, "first token of"), "ms",
                             Quantity::kLatency, sampled(std::move(ms))});
}

void add_model(const Named& named, const Field& root, Collected& to) {
  const Subject& s = named.subject;
  const std::optional<Field> config = root.find("config");
  to.models.add({named.mode, text_cell(s.model),
                 text_cell(config ? config->find_text("model_type") : ""),
                 config ? cell_at(*config, "parameters") : text_cell(""), text_cell(s.dtype),
                 text_cell(s.kv_dtype), text_cell(s.backend), text_cell(s.policy)});
}

}  // namespace

void read_bench(const Field& root, size_t source, Collected& to) {
  std::vector<const Named*> named;
  for (const Field& row : root.at("rows").items()) {
    const Case c = read_case(row, source, to.choices);
    if (std::find(named.begin(), named.end(), c.named) == named.end()) {
      named.push_back(c.named);
      add_model(*c.named, root, to);
    }
    const Sampled speed = read_sampled(row.at("tokens_per_second"));
    const size_t measurement = to.measurements.size();
    to.measurements.push_back({source, c.mode(), c.phase, c.name, "tokens/s", Quantity::kThroughput,
                               speed, c.named->given, c.named->choices.front()});
    to.sweep.push_back(
        {source, c.named->given, c.phase, c.batch, c.depth, c.threads, c.n_tokens, speed});
    add_first_token(row, c, source, to);
    add_speed(row, c, speed, to);
    add_memory(row, c, to);
    add_choice(row, c, measurement, to);
    add_ops(row, c, to);
    add_energy(row, c, to);
  }
}

}  // namespace qwench::bench::report
