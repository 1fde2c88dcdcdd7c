// `qwench kernels`: every kernel of an op beside a baseline, speed and accuracy in one row. Exits with 3 when
// a result is wrong, with 1 when a plug-in's kernel could not be run to its end.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "bench/commands.h"
#include "bench/kernels/kernel_report.h"
#include "bench/machine/ceilings.h"
#include "bench/machine/host.h"
#include "bench/model/kv_choice.h"
#include "bench/model/model_options.h"
#include "bench/support/exit_code.h"
#include "bench/support/interrupt.h"
#include "bench/support/last_words.h"
#include "bench/support/list_option.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"
#include "bench/support/output_file.h"
#include "bench/support/program.h"
#include "bench/support/seed_option.h"
#include "bench/support/suggest.h"

namespace qwench::bench {

namespace {

struct KernelsOptions {
  ModelOptions model;  // -m, --seed, -t, --plugin
  std::string op = "linear", shape, tokens = "1,512", baseline, dtype, kv_dtype = "f32", cache;
  int64_t heads = 0, kv_heads = 0, head_dim = 0, depth = -1;  // 0, -1: default
  double seconds = 0.5;
  bool json = false, csv = false;
  std::string output;
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

/// UsageError on a size that the op does not have.
void check_sizes(const KernelsOptions& o, OpId op) {
  const bool matrix = matrix_of(op, OpSizes()).has_value(), heads = has_heads(op);
  if (!o.dtype.empty() && !matrix)
    fail_usage("--dtype: {} has no weights; --kv-dtype is of keys and values", name_of(op));
  if (!o.shape.empty() && heads)
    fail_usage("--shape: {} has heads; give --heads, --kv-heads, --head-dim", name_of(op));
  if ((o.heads || o.kv_heads || o.head_dim) && !heads)
    fail_usage("--heads, --kv-heads, --head-dim: {} has no heads; give --shape OUTxIN",
               name_of(op));
}

OpSizes read_sizes(const KernelsOptions& o, OpId op) {
  check_sizes(o, op);
  OpSizes s;
  if (!o.model.model.empty()) {
    s = sizes_of(o.model, *open_model(o.model));
  }
  s.kv_dtype = read_kv_dtype(o.kv_dtype).dtype;
  if (o.heads) s.n_heads = o.heads;
  if (o.kv_heads) s.n_kv_heads = o.kv_heads;
  if (o.head_dim) s.head_dim = o.head_dim;
  constexpr int64_t kAttentionDepth = 512;  // attention to nothing measures nothing
  s.depth = o.depth >= 0 ? o.depth : op == id_of<AttentionArgs>() ? kAttentionDepth : 0;
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
  if (o.baseline.empty())
    return op == id_of<LinearArgs>() && known("eigen") ? "eigen" : "reference";
  if (known(o.baseline)) return o.baseline;
  std::string list;
  for (const std::string& n : names) list += (list.empty() ? "" : ", ") + n;
  fail_usage("--baseline: {} has no kernel '{}'; it has {}", name_of(op), o.baseline, list);
}

/// What the command measures: all pairs of these.
struct Axes {
  std::vector<WeightShape> shapes;
  std::vector<DType> dtypes;
  std::vector<int64_t> tokens;
};

Axes read_axes(const KernelsOptions& o, const OpSizes& sizes) {
  Axes axes;
  axes.shapes = read_shapes(o, sizes);
  axes.dtypes = read_dtypes(o, sizes, axes.shapes);
  axes.tokens = parse_axis(o.tokens, "--tokens", 1, 1 << 20);
  return axes;
}

OrderedJson config_json(const KernelsOptions& o, const ContestSettings& c, const Axes& axes) {
  const OpSizes& s = c.sizes;
  OrderedJson list = OrderedJson::array();
  for (const WeightShape& shape : axes.shapes) list.push_back({shape.out, shape.in});
  OrderedJson names = OrderedJson::array();
  for (DType t : axes.dtypes) names.push_back(name_of(t));
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
          {"tokens", axes.tokens},
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
  settings.threads = threads_or_default(o.model.threads);
  settings.seconds = o.seconds, settings.seed = o.model.seed;
  settings.cold = o.cache.empty() ? streams_from_memory(op) : o.cache == "cold";
  return settings;
}

std::string form_of(const KernelsOptions& o, const KernelReport& report) {
  if (o.json) return to_text(report_json(report));
  return o.csv ? report_csv(report) : report_text(report);
}

/// Every combination; what is finished is kept for an end before the last.
void measure(const KernelsOptions& o, const Axes& axes, Progress& progress, KernelReport& report) {
  LastWords so_far;
  for (const WeightShape& shape : axes.shapes)
    for (DType dtype : axes.dtypes)
      for (int64_t n : axes.tokens) {
        if (interrupted()) return;
        OpSizes& sizes = report.settings.sizes;
        if (!o.shape.empty()) apply_shape(shape, sizes);
        if (!o.dtype.empty()) sizes.dtype = sizes.table = dtype;
        sizes.n_tokens = n;
        const std::optional<DType> type = type_of(report.op, sizes);
        progress.show(fmt::format("{}, {}{}, {} tokens", o.op,
                                  type ? fmt::format("{}, ", name_of(*type)) : "",
                                  shape_text(report.op, sizes), n));
        for (ContestRow& row : run_contest(report.op, report.settings))
          report.results.push_back({sizes, std::move(row)});
        if (!o.model.plugins.empty()) so_far.set(form_of(o, report));
      }
}

/// Again when a kernel was faster: a neighbour may have had the machine. Takes as long as two kernels.
void measure_ceilings(Progress& progress, KernelReport& report) {
  constexpr int kAgain = 2;
  const auto once = [&] {
    progress.show("measuring bandwidth and peak");
    const double seconds = std::min(2 * report.settings.seconds, 1.0);
    report.roofline =
        higher(report.roofline, measure_ceilings(ModelOptions(), report.settings.threads, seconds));
  };
  if (report.results.empty()) return once();
  for (int i = 0; i < kAgain && above_ceilings(report) && !interrupted(); ++i) once();
}

int run_kernels(const KernelsOptions& o) {
  KernelReport report;
  report.op = parse_op(o.op);
  report.settings = read_settings(o, report.op);
  const Axes axes = read_axes(o, report.settings.sizes);
  report.config = config_json(o, report.settings, axes);
  check_output(o.output);
  Progress progress;
  measure_ceilings(progress, report);
  const InterruptGuard guard;
  measure(o, axes, progress, report);
  measure_ceilings(progress, report);
  report.interrupted = interrupted();
  const std::string json = to_text(report_json(report));
  deliver(o.json ? json : form_of(o, report), o.output, json);
  if (report.interrupted) return kExitInterrupted;
  if (report.any_wrong()) return kExitInaccurate;
  return report.any_failed() ? kExitError : kExitOk;
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
  command->add_option("--kv-dtype", o->kv_dtype, std::string("Keys and values as ") + kKvDTypes)
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
  CLI::Option* json = command->add_flag("--json", o->json, "One JSON document on stdout");
  command->add_flag("--csv", o->csv, "One CSV line per row on stdout")->excludes(json);
  add_output_option(*command, "--output", o->output,
                    "Write the JSON document to this file besides");
  command->callback([o, &chosen] { chosen = [o] { return run_kernels(*o); }; });
}

}  // namespace qwench::bench
