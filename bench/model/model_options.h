// The options that every command with a model shares, and what they lead to: a checkpoint whose
// headers are read, then, once everything is known to fit, a backend that holds its weights.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "bench/model/kv_choice.h"
#include "cpu/cpu_backend.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/model/session.h"

namespace CLI {
class App;
}  // namespace CLI

namespace qwench::bench {

struct ModelOptions {
  std::string model;
  std::string dtype;  // "": as stored (shape cards: bf16)
  std::string kv_dtype = "auto";
  std::string backend = "cpu";
  std::vector<std::string> kernels, plugins;
  int64_t threads = 0;  // 0: physical cores
  int64_t prefill_chunk = 512;
  int64_t capacity = 0;  // 0: what the run needs
  uint64_t seed = 1;
  bool mmap = false, check_finite = false;
};

/// -m --dtype --kv-dtype --kernel --plugin --plugin-timeout --mmap --check-finite --backend, which is --device,
/// --seed --prefill-chunk --ctx.
void add_model_options(CLI::App& command, ModelOptions& options);
/// --plugin, repeatable, and --plugin-timeout, in force as soon as it is read.
void add_plugin_option(CLI::App& command, std::vector<std::string>& plugins);
/// -t, for the commands that take one thread count.
/// And --isa, beside it.
void add_threads_option(CLI::App& command, ModelOptions& options);
/// --isa native|avx2|base, in force as soon as it is read.
void add_isa_option(CLI::App& command);

/// True for `--kernel list`.
bool wants_kernel_list(const ModelOptions& options);

/// The policy of all --kernel options. UsageError on an unknown op.
KernelPolicy read_policy(const ModelOptions& options);

/// The backend that a name of a device means: auto is a GPU where there is one, mps is metal; any other name itself.
std::string backend_named(const std::string& device);

/// The type of keys and values. auto: f32 where every op is at its reference, else f16 and f32 in the layers
/// whose keys that does not hold.
KvDType kv_type(const ModelOptions& options);
/// Its name in reports: "auto" where the layers of the model differ.
std::string kv_name(const ModelOptions& options, const ModelConfig& config);
/// auto becomes f32: what is computed is compared with other software, or stands for the truth.
void want_exact_kv(ModelOptions& options);

/// UsageError that says why, unless `name` is a backend of this build.
void check_backend(const std::string& name);

/// A backend of `threads` threads with the options' policy; on the CPU those of `team` where one is given.
/// UsageError on an unknown kernel, Error on a plug-in that cannot be used.
std::unique_ptr<Backend> make_backend(const ModelOptions& options, int64_t threads,
                                      std::shared_ptr<cpu::Team> team = nullptr);

/// Says once what a person should know of a model's files: what they hold beyond what is used, and
/// that the weights of a shape card are random.
void note_checkpoint(const Checkpoint& checkpoint);

/// Opens the model: its config and headers, no weights; notes on it go to stderr. UsageError when -m or
/// another option is wrong.
std::unique_ptr<Checkpoint> open_model(const ModelOptions& options);

/// The type of the weight matrices in memory.
DType weight_dtype(const ModelOptions& options, const ModelConfig& config);

/// How the weights are to be held.
LoadOptions load_options(const ModelOptions& options);

/// Bytes that the weights will take in memory.
int64_t planned_weight_bytes(const ModelOptions& options, const Checkpoint& checkpoint);

/// UsageError naming the first id that is not in [0, vocab).
void check_token_ids(const std::vector<int32_t>& ids, int64_t vocab);

/// Session options for `capacity` positions of each of `n_seq` sequences.
SessionOptions session_options(const ModelOptions& options, int64_t n_seq, int64_t capacity);

/// Options of a session that answers one prompt. UsageError where --ctx has less room.
SessionOptions generation_session(const ModelOptions& options, int64_t n_prompt, int64_t max_new);

/// A model in memory. Not moved once a Session refers to `model`.
struct LoadedModel {
  std::unique_ptr<Backend> backend;  // before `model`: outlives its buffers
  Model model;
};

/// Refuses what does not fit into memory, then loads with progress on stderr.
LoadedModel load_model(const ModelOptions& options, const Checkpoint& checkpoint,
                       std::unique_ptr<Backend> backend, const SessionOptions& session);

}  // namespace qwench::bench
