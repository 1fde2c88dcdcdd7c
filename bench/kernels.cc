// `qwench kernels`: every kernel of an op beside a baseline, speed and accuracy in one row.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "bench/commands.h"
#include "bench/kernels/kernel_contest.h"
#include "bench/kernels/kernel_list.h"
#include "bench/model/model_options.h"
#include "bench/roofline.h"
#include "bench/support/environment.h"
#include "bench/support/exit_code.h"
#include "bench/support/interrupt.h"
#include "bench/support/list_option.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"
#include "bench/support/seed_option.h"
#include "bench/support/suggest.h"
#include "bench/support/table.h"
#include "bench/sweep/report.h"
#include "cpu/cpu_info.h"

namespace qwench::bench {

namespace {

struct KernelsOptions {
  ModelOptions model;  // -m, --seed, -t, --plugin
  std::string op = "linear", shape, tokens = "1,512", baseline, dtype, kv_dtype = "f32", cache;
  int64_t heads = 0, kv_heads = 0, head_dim = 0, depth = -1;  // 0, -1: default
  double seconds = 0.5;
  bool json = false;
};

OpId parse_op(const std::string& name) {
  const auto at = std::find(kOpNames.begin(), kOpNames.end(), name);
  if (at != kOpNames.end()) return OpId(at - kOpNames.begin());
  const std::vector<std::string> all(kOpNames.begin(), kOpNames.end());
  std::string list;
  for (const std::string& op : all) list += (list.empty() ? "" : ", ") + op;
  const std::string near = nearest(name, all);
  fail_usage("--op: unknown op '{}'{}; ops are {}", name,
             near.empty() ? "" : "; did you mean " + near + "?", list);
}

struct WeightShape {
  int64_t out = 0, in = 0;
};

/// "4864x896".
WeightShape parse_shape(const std::string& text) {
  const size_t x = text.find('x');
  if (x == std::string::npos) fail_usage("--shape: expected OUTxIN, e.g. 4864x896, got '{}'", text);
  constexpr int64_t kMost = int64_t(1) << 24;
  const std::vector<int64_t> out = parse_list(text.substr(0, x), "--shape", 1, kMost);
  const std::vector<int64_t> in = parse_list(text.substr(x + 1), "--shape", 1, kMost);
  if (out.size() != 1 || in.size() != 1) fail_usage("--shape: expected OUTxIN, got '{}'", text);
  return {out[0], in[0]};
}

/// A shape is out, in of every op with a weight; width and count of the others.
void apply_shape(const WeightShape& shape, OpSizes& s) {
  s.out = s.ffn_dim = s.vocab = shape.out;
  s.in = s.dim = shape.in;
}

/// "a,b,c" -> {"a", "b", "c"}; "" -> {}.
std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (size_t start = 0; !list.empty() && start <= list.size();) {
    const size_t comma = std::min(list.find(',', start), list.size());
    parts.push_back(list.substr(start, comma - start));
    start = comma + 1;
  }
  return parts;
}

/// The shapes in the order given; the model's own when nothing is asked for.
std::vector<WeightShape> read_shapes(const KernelsOptions& o, const OpSizes& s) {
  std::vector<WeightShape> shapes;
  for (const std::string& text : split(o.shape)) shapes.push_back(parse_shape(text));
  if (shapes.empty()) shapes.push_back({s.out, s.in});
  return shapes;
}

/// The types in the order given; the model's own (bf16 without one) when nothing is asked for.
/// UsageError unless the weights' rows are whole blocks.
std::vector<DType> read_dtypes(const KernelsOptions& o, const OpSizes& s,
                               const std::vector<WeightShape>& shapes) {
  std::vector<DType> types;
  for (const std::string& name : split(o.dtype)) types.push_back(parse_dtype(name));
  if (types.empty()) types.push_back(s.dtype);
  for (DType t : types)
    for (const WeightShape& shape : shapes)
      if (is_quantized(t) && shape.in % kQuantBlock)
        fail_usage("--dtype {}: expected rows of a multiple of {} weights, got {}", name_of(t),
                   kQuantBlock, shape.in);
  return types;
}

OpSizes read_sizes(const KernelsOptions& o, OpId op) {
  OpSizes s;
  if (!o.model.model.empty()) {
    const std::unique_ptr<Checkpoint> checkpoint = open_model(o.model);
    s = sizes_of(checkpoint->config(), checkpoint->config().stored_dtype, DType::kF32);
  }
  s.kv_dtype = parse_float_dtype(o.kv_dtype, "--kv-dtype");
  if (s.kv_dtype == DType::kBF16) fail_usage("--kv-dtype: expected f32 or f16, got 'bf16'");
  if (o.heads) s.n_heads = o.heads;
  if (o.kv_heads) s.n_kv_heads = o.kv_heads;
  if (o.head_dim) s.head_dim = o.head_dim;
  constexpr int64_t kAttentionDepth = 512;  // attention to nothing measures nothing
  s.depth = o.depth >= 0 ? o.depth : op == OpId::kAttention ? kAttentionDepth : 0;
  if (s.n_heads % s.n_kv_heads)
    fail_usage("--heads: expected a multiple of --kv-heads, got {} and {}", s.n_heads,
               s.n_kv_heads);
  if (s.head_dim % 2) fail_usage("--head-dim: expected an even number, got {}", s.head_dim);
  return s;
}

std::string baseline_of(const KernelsOptions& o, OpId op) {
  const std::vector<std::string> names = kernel_names(op, o.model.plugins);
  const auto known = [&](const std::string& n) {
    return std::find(names.begin(), names.end(), n) != names.end();
  };
  if (o.baseline.empty()) return op == OpId::kLinear && known("eigen") ? "eigen" : "reference";
  if (known(o.baseline)) return o.baseline;
  std::string list;
  for (const std::string& n : names) list += (list.empty() ? "" : ", ") + n;
  fail_usage("--baseline: {} has no kernel '{}'; it has {}", name_of(op), o.baseline, list);
}

/// The time that the ceilings allow, as a part of the time taken: the read bandwidth, and the peak of
/// the arithmetic that the kernel does.
double percent_of_roofline(const ContestRow& row, const cpu::Roofline& roofline) {
  const auto ns = int64_t(row.ns.median);
  return std::max(percent_of_bandwidth(row.cost.bytes, ns, roofline),
                  percent_of_peak(row.cost.flops, ns, row.inputs, roofline));
}

/// "1.52x [1.50, 1.54]"; with "=" where the two are not separated.
std::string ratio_text(const std::optional<Paired>& p) {
  if (!p) return "-";
  std::string text = fmt::format("{:.2f}x", p->ratio);
  if (p->ci95) text += fmt::format(" [{:.2f}, {:.2f}]", p->ci95->lo, p->ci95->hi);
  return p->verdict == Verdict::kNotSeparated ? text + " =" : text;
}

void add_row(Table& table, const ContestRow& r, const OpSizes& s, const cpu::Roofline& roofline) {
  const std::string type(name_of(s.dtype)), n = std::to_string(s.n_tokens);
  const std::string shape = fmt::format("{}x{}", s.out, s.in);
  if (!r.refusal.empty())
    return table.add({type, shape, r.kernel, n, "-", "-", "-", "-", "-", "-", "-", r.refusal});
  const std::string error = fmt::format("{:.2e}", r.max_abs_error),
                    nmse = fmt::format("{:.1e}", r.nmse);
  if (!r.correct)
    return table.add({type, shape, r.kernel, n, "-", "-", "-", "-", "-", error, nmse, "WRONG"});
  if (r.ns.values.empty())
    return table.add(
        {type, shape, r.kernel, n, "-", "-", "-", "-", "-", error, nmse, "interrupted"});
  std::string note = r.ns.values.size() == 1 ? "one run" : "";
  if (!r.plugin.empty()) note += (note.empty() ? "plug-in " : ", plug-in ") + r.plugin;
  table.add({type, shape, r.kernel, n, format_ns(r.ns.median), ratio_text(r.against_baseline),
             format_number(double(r.cost.bytes) / r.ns.median),
             r.cost.flops ? format_number(double(r.cost.flops) / r.ns.median) : "-",
             fmt::format("{:.1f}", percent_of_roofline(r, roofline)), error, nmse, note});
}

OrderedJson row_json(const ContestRow& r, const KernelsOptions& o, const OpSizes& s, int threads,
                     const cpu::Roofline& roofline) {
  OrderedJson json = {{"op", o.op},        {"kernel", r.kernel}, {"dtype", name_of(s.dtype)},
                      {"out", s.out},      {"in", s.in},         {"tokens", s.n_tokens},
                      {"threads", threads}};
  json["plugin"] = r.plugin.empty() ? OrderedJson(nullptr) : OrderedJson(r.plugin);
  json["refused"] = r.refusal.empty() ? OrderedJson(nullptr) : OrderedJson(r.refusal);
  if (!r.refusal.empty()) return json;
  json["correct"] = r.correct;
  json["max_abs_error"] = number_or_null(r.max_abs_error, r.max_abs_error < 1e300);
  json["max_ulp"] = number_or_null(r.max_ulp, r.max_ulp < 1e300);
  json["nmse"] = number_or_null(r.nmse, r.nmse < 1e300);
  json["bytes"] = r.cost.bytes, json["flops"] = r.cost.flops;
  if (r.ns.values.empty() || !r.correct) return json;
  json["ns"] = to_json(r.ns);
  const std::optional<Paired>& paired = r.against_baseline;
  json["ratio_to_baseline"] = number_or_null(paired ? paired->ratio : 0, paired.has_value());
  json["against_baseline"] = paired ? to_json(*paired) : OrderedJson(nullptr);
  json["bytes_per_second"] = double(r.cost.bytes) * 1e9 / r.ns.median;
  json["flops_per_second"] = double(r.cost.flops) * 1e9 / r.ns.median;
  json["percent_of_roofline"] = percent_of_roofline(r, roofline);
  return json;
}

OrderedJson config_json(const KernelsOptions& o, const ContestSettings& c,
                        const std::vector<DType>& dtypes, const std::vector<WeightShape>& shapes,
                        const std::vector<int64_t>& tokens) {
  const OpSizes& s = c.sizes;
  OrderedJson list = OrderedJson::array();
  for (const WeightShape& shape : shapes) list.push_back({shape.out, shape.in});
  OrderedJson names = OrderedJson::array();
  for (DType t : dtypes) names.push_back(name_of(t));
  OrderedJson plugins = OrderedJson::array();
  for (const std::string& path : c.plugins) plugins.push_back(without_home(path));
  return {{"op", o.op},
          {"dtypes", names},
          {"kv_dtype", name_of(s.kv_dtype)},
          {"shapes", list},
          {"dim", s.dim},
          {"ffn_dim", s.ffn_dim},
          {"vocab", s.vocab},
          {"n_heads", s.n_heads},
          {"n_kv_heads", s.n_kv_heads},
          {"head_dim", s.head_dim},
          {"depth", s.depth},
          {"tokens", tokens},
          {"baseline", c.baseline},
          {"plugins", plugins},
          {"cache", c.cold ? "cold" : "hot"},
          {"threads", c.threads},
          {"seed", c.seed}};
}

ContestSettings read_settings(const KernelsOptions& o, OpId op) {
  ContestSettings settings;
  settings.sizes = read_sizes(o, op);
  settings.baseline = baseline_of(o, op), settings.plugins = o.model.plugins;
  settings.threads = o.model.threads ? int(o.model.threads) : cpu::cpu_info().physical_cores;
  settings.seconds = o.seconds, settings.seed = o.model.seed;
  settings.cold = o.cache.empty() ? streams_from_memory(op) : o.cache == "cold";
  return settings;
}

std::string report_text(const KernelsOptions& o, const ContestSettings& c, const Table& table,
                        const cpu::Roofline& roofline) {
  return fmt::format(
      "{}\n{}, {} threads, {} inputs, error against `reference`\n\n{}\n"
      "measured: {}\n",
      environment_line(), o.op, c.threads, c.cold ? "cold (from memory)" : "hot (in the cache)",
      table.to_string(), ceilings_text(roofline));
}

/// What a run of the command gathers.
struct Results {
  Table table;
  OrderedJson rows = OrderedJson::array();
  bool correct = true;
};

void run_one(const KernelsOptions& o, OpId op, const ContestSettings& settings,
             const cpu::Roofline& roofline, Results& results) {
  for (const ContestRow& row : run_contest(op, settings)) {
    // A type's own kernels are what there is to see; of the others the JSON has every one.
    if (!of_other_weights(row.refusal)) add_row(results.table, row, settings.sizes, roofline);
    results.rows.push_back(row_json(row, o, settings.sizes, settings.threads, roofline));
    results.correct = results.correct && row.correct;
  }
}

int run_kernels(const KernelsOptions& o) {
  const OpId op = parse_op(o.op);
  ContestSettings settings = read_settings(o, op);
  const std::vector<WeightShape> shapes = read_shapes(o, settings.sizes);
  const std::vector<DType> dtypes = read_dtypes(o, settings.sizes, shapes);
  const std::vector<int64_t> tokens = parse_axis(o.tokens, "--tokens", 1, 1 << 20);
  Progress progress;
  progress.show("measuring bandwidth and peak");
  const cpu::Roofline roofline = cpu::measure_roofline(settings.threads, 1.0);
  const InterruptGuard guard;
  Results results{Table({"<dtype", "<shape", "<kernel", "tokens", "time", "vs " + settings.baseline,
                         "GB/s", "GFLOP/s", "% roofline", "max |error|", "NMSE", "<note"})};
  for (const WeightShape& shape : shapes)
    for (DType dtype : dtypes)
      for (int64_t n : tokens) {
        if (interrupted()) break;
        if (!o.shape.empty()) apply_shape(shape, settings.sizes);
        settings.sizes.dtype = dtype, settings.sizes.n_tokens = n;
        progress.show(
            fmt::format("{}, {}, {}x{}, {} tokens", o.op, name_of(dtype), shape.out, shape.in, n));
        run_one(o, op, settings, roofline, results);
      }
  if (o.json)
    print(to_text({{"schema_version", kSchemaVersion},
                   {"command", "kernels"},
                   {"environment", environment_block()},
                   {"config", config_json(o, settings, dtypes, shapes, tokens)},
                   {"roofline", to_json(roofline)},
                   {"rows", results.rows}}));
  else
    print(report_text(o, settings, results.table, roofline));
  if (interrupted()) return kExitInterrupted;
  return results.correct ? kExitOk : kExitInaccurate;
}

}  // namespace

void add_kernels_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<KernelsOptions>();
  CLI::App* command =
      program.add_subcommand("kernels", "Compare the kernels of an op: speed and error");
  const auto size = number_within(int64_t(1), int64_t(1) << 16);
  command->add_option("--op", o->op, "Which op")->capture_default_str();
  command->add_option(
      "--dtype", o->dtype,
      "Weights as " + weight_dtype_names() + ", several by commas\n(default: bf16)");
  command->add_option("--kv-dtype", o->kv_dtype, "Keys and values as f32 or f16")
      ->capture_default_str();
  command->add_option("--shape", o->shape,
                      "OUTxIN of the weight, several by commas (default: 4864x896)");
  command->add_option("--tokens", o->tokens, "Rows of activations")->capture_default_str();
  command->add_option("--heads", o->heads, "Query heads (default: 14)")->transform(size);
  command->add_option("--kv-heads", o->kv_heads, "Key and value heads (default: 2)")
      ->transform(size);
  command->add_option("--head-dim", o->head_dim, "Width of a head (default: 64)")->transform(size);
  command
      ->add_option("--depth", o->depth, "Positions before the tokens (default: 512 for attention)")
      ->transform(number_within(int64_t(0), int64_t(1) << 24));
  command->add_option("-m,--model", o->model.model, "Take the sizes of this model");
  command->add_option("--baseline", o->baseline,
                      "Kernel that is 1.00x (default: eigen or reference)");
  command->add_option("--cache", o->cache, "cold or hot inputs (default: as in a forward pass)")
      ->check(CLI::IsMember({"cold", "hot"}));
  command->add_option("--seconds", o->seconds, "Timing per kernel and token count")
      ->transform(number_within(0.01, 600.0))
      ->capture_default_str();
  add_seed_option(*command, o->model.seed, "Seed of the inputs");
  add_plugin_option(*command, o->model.plugins);
  add_threads_option(*command, o->model);
  command->add_flag("--json", o->json, "One JSON document on stdout");
  command->callback([o, &chosen] { chosen = [o] { return run_kernels(*o); }; });
}

}  // namespace qwench::bench
