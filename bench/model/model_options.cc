// Everything that can be wrong is found before weights are read: options, names, ids, memory.
#include "bench/model/model_options.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <set>

#include "bench/model/kv_choice.h"
#include "bench/model/new_backend.h"
#include "bench/support/interrupt.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"
#include "bench/support/seed_option.h"
#include "bench/support/suggest.h"
#include "bench/support/table.h"
#include "cuda/cuda_backend.h"
#include "metal/metal_backend.h"

namespace qwench::bench {

namespace {

std::string megabytes_per_second(int64_t bytes, int64_t ns) {
  return fmt::format("{:.0f} MB/s", ns > 0 ? double(bytes) * 1e3 / double(ns) : 0.0);
}

}  // namespace

void add_model_options(CLI::App& command, ModelOptions& o) {
  command.add_option(
      "-m,--model", o.model,
      "Model folder, GGUF file, the name of a model (`qwench models`), an id in Hugging Face's\n"
      "cache, or a shape card such as qwen3-0.6b");
  command.add_option("--dtype", o.dtype,
                     "Weights in memory as " + weight_dtype_names() + " (default: as stored)");
  command.add_option("--kv-dtype", o.kv_dtype, std::string("Keys and values as ") + kKvDTypes)
      ->capture_default_str();
  command
      .add_option("--kernel", o.kernels,
                  "op=name forces a kernel, `reference` all, `list` shows them")
      ->allow_extra_args(false);
  add_plugin_option(command, o.plugins);
  command
      .add_option("--backend,--device", o.backend,
                  "cpu, cuda or metal; auto: a GPU where there is one; mps: metal")
      ->transform(std::function<std::string(std::string)>(backend_named))
      ->capture_default_str();
  command.add_option("--prefill-chunk", o.prefill_chunk, "Prompt tokens per forward pass")
      ->transform(number_within(int64_t(1), int64_t(1) << 20))
      ->capture_default_str();
  command.add_option("--ctx", o.capacity, "Positions to reserve (default: what the run needs)")
      ->transform(number_within(int64_t(1), int64_t(1) << 31));
  add_seed_option(command, o.seed, "Seed of random numbers");
  command.add_flag("--mmap", o.mmap, "Map the files instead of reading them");
  command.add_flag("--check-finite", o.check_finite,
                   "Name the first op that makes a NaN or Inf (slow)");
}

void add_plugin_option(CLI::App& command, std::vector<std::string>& plugins) {
  command.add_option("--plugin", plugins, "Shared library with kernels of your own, repeatable")
      ->allow_extra_args(false);
  command
      .add_option_function<double>(
          "--plugin-timeout", cpu::set_plugin_time_limit,
          "Seconds that one call of a plug-in may take (default: 60, more for much work)")
      ->transform(number_within(0.1, 86400.0));
}

void add_isa_option(CLI::App& command) {
  command
      .add_option_function<std::string>(
          "--isa", cpu::limit_isa,
          "Instruction sets to use: native, avx2 at most, or base: those of every CPU of this kind")
      ->check(CLI::IsMember(
          std::vector<std::string>(cpu::kIsaLimitNames.begin(), cpu::kIsaLimitNames.end())));
}

void add_threads_option(CLI::App& command, ModelOptions& options) {
  add_isa_option(command);

  command.add_option("-t,--threads", options.threads, "Threads (default: physical cores)")
      ->transform(number_within(int64_t(1), int64_t(1024)));
}

bool wants_kernel_list(const ModelOptions& options) {
  for (const std::string& choice : options.kernels)
    if (choice == "list") return true;
  return false;
}

KernelPolicy read_policy(const ModelOptions& options) {
  KernelPolicy policy;
  for (const std::string& choice : options.kernels)
    if (choice != "list") policy.add(choice);
  return policy;
}

std::string backend_named(const std::string& device) {
  if (device == "mps") return "metal";
  if (device != "auto") return device;
  if (!cuda::cuda_unavailable()) return "cuda";
  return metal::metal_unavailable() ? "cpu" : "metal";
}

void check_backend(const std::string& name) {
  if (name == "cpu") return;
  const char* reason = nullptr;
  if (name == "cuda") reason = cuda::cuda_unavailable();
  if (name == "metal") reason = metal::metal_unavailable();
  if (reason) fail_usage("--backend {}: {}; use --backend cpu", name, reason);
  const std::string near = name == "gpu" ? "" : nearest(name, {"cpu", "cuda", "metal"});
  fail_usage("--backend: expected cpu, cuda, metal or auto, got '{}'{}", name,
             near.empty() ? "" : "; did you mean " + near + "?");
}

std::unique_ptr<Backend> make_backend(const ModelOptions& options, int64_t threads,
                                      std::shared_ptr<cpu::Team> team) {
  check_backend(options.backend);
  cpu::CpuOptions cpu;
  cpu.threads = int(threads), cpu.team = std::move(team);
  cpu.policy = read_policy(options), cpu.plugins = options.plugins;
  std::unique_ptr<Backend> backend = new_backend(cpu);
  if (options.check_finite) backend->observers.push_back(require_finite);
  return backend;
}

void note_checkpoint(const Checkpoint& checkpoint) {
  static std::set<std::string> said;  // models are opened more than once in a run
  std::vector<std::string> notes = checkpoint.notes();
  if (checkpoint.is_random())
    notes.push_back(fmt::format(
        "{} is a shape card: its weights are random; speed and memory are those of the model, text "
        "and accuracy mean nothing",
        checkpoint.path()));
  for (const std::string& text : notes)
    if (said.insert(text).second) note("note: " + text);
}

std::unique_ptr<Checkpoint> open_model(const ModelOptions& options) {
  if (options.model.empty())
    fail_usage(
        "-m: expected a model folder, a GGUF file or a shape card such as qwen2.5-0.5b, got "
        "nothing; "
        "-m qwench-tiny is the small model that comes with this program");
  read_kv_dtype(options.kv_dtype);
  check_backend(options.backend);
  read_policy(options);
  OpenOptions open;
  open.mmap = options.mmap;
  open.seed = options.seed;
  if (!options.dtype.empty()) {
    const DType dtype = parse_dtype(options.dtype);
    open.random_dtype = is_quantized(dtype) ? DType::kBF16 : dtype;
  }
  std::unique_ptr<Checkpoint> checkpoint = open_checkpoint(options.model, open);
  note_checkpoint(*checkpoint);
  return checkpoint;
}

KvDType kv_type(const ModelOptions& options) {
  const bool reference = std::find(options.kernels.begin(), options.kernels.end(), "reference") !=
                         options.kernels.end();
  if (options.kv_dtype == "auto" && reference) return {DType::kF32, false};
  return read_kv_dtype(options.kv_dtype);
}

std::string kv_name(const ModelOptions& options, const ModelConfig& config) {
  const KvDType type = kv_type(options);
  if (type.widen && !config.wide_key_layers.empty()) return "auto";
  return std::string(name_of(type.dtype));
}

void want_exact_kv(ModelOptions& options) {
  if (options.kv_dtype == "auto") options.kv_dtype = "f32";
}

DType weight_dtype(const ModelOptions& options, const ModelConfig& config) {
  return options.dtype.empty() ? config.stored_dtype : parse_dtype(options.dtype);
}

LoadOptions load_options(const ModelOptions& options) {
  LoadOptions load;
  load.as_stored = options.dtype.empty();
  load.cancelled = interrupted;
  if (!load.as_stored) load.dtype = parse_dtype(options.dtype);
  return load;
}

int64_t planned_weight_bytes(const ModelOptions& options, const Checkpoint& checkpoint) {
  return weight_bytes(checkpoint, load_options(options));
}

void check_token_ids(const std::vector<int32_t>& ids, int64_t vocab) {
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] < 0 || ids[i] >= vocab)
      fail_usage("token id: expected 0 to {}, got {} (position {} of the prompt)", vocab - 1,
                 ids[i], i);
}

SessionOptions session_options(const ModelOptions& options, int64_t n_seq, int64_t capacity) {
  SessionOptions session;
  session.n_seq = n_seq;
  session.capacity = capacity;
  session.kv = kv_type(options);
  session.prefill_chunk = options.prefill_chunk;
  session.cancelled = interrupted;
  return session;
}

SessionOptions generation_session(const ModelOptions& o, int64_t n_prompt, int64_t max_new) {
  const int64_t needed = n_prompt + max_new;
  if (o.capacity && o.capacity < needed)
    fail_usage("--ctx: expected at least {} ({} prompt tokens and -n {}), got {}", needed, n_prompt,
               max_new, o.capacity);
  SessionOptions session = session_options(o, 1, std::max(needed, o.capacity));
  session.prefill_chunk = std::min(session.prefill_chunk, n_prompt);
  return session;
}

LoadedModel load_model(const ModelOptions& options, const Checkpoint& checkpoint,
                       std::unique_ptr<Backend> backend, const SessionOptions& session) {
  const ModelConfig& config = checkpoint.config();
  require_memory(config, planned_weight_bytes(options, checkpoint), session,
                 backend->available_bytes());
  Progress progress;
  LoadOptions load = load_options(options);
  const int64_t start = now_ns();
  int64_t bytes = 0;
  load.progress = [&](const LoadProgress& p) {
    bytes = p.bytes_done;
    progress.show(
        fmt::format("loading {:3.0f} %  {}",
                    p.bytes_total ? 100.0 * double(p.bytes_done) / double(p.bytes_total) : 0,
                    megabytes_per_second(p.bytes_done, now_ns() - start)));
  };
  LoadedModel loaded;
  loaded.backend = std::move(backend);
  loaded.model.config = config;
  loaded.model.weights = load_weights(checkpoint, *loaded.backend, load);
  loaded.model.backend = loaded.backend.get();
  const int64_t ns = now_ns() - start;
  progress.done(fmt::format("{} {}: {} in {}, {}", checkpoint.is_random() ? "generated" : "loaded",
                            options.model, format_bytes(bytes), format_ns(double(ns)),
                            megabytes_per_second(bytes, ns)));
  return loaded;
}

}  // namespace qwench::bench
