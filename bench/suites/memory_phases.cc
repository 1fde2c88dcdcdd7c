// Where the memory of a run goes: by phase (loaded, after the prompt, after the answer) and by kind.
#include <atomic>
#include <chrono>
#include <filesystem>

#include "bench/suites/criteria.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"
#include "bench/support/table.h"
#include "bench/sweep/case.h"
#include "engine/base/host_memory.h"
#include "engine/base/threads.h"
#include "engine/checkpoint/checkpoint.h"

namespace qwench::bench {

namespace {

/// The largest resident set seen while it lives: the kernel's own peak is that of the whole process.
class ResidentWatch {
 public:
  ResidentWatch() : peak_(rss_bytes()) {
    thread_.start([this] { watch(); });
  }
  ~ResidentWatch() { stop(); }
  ResidentWatch(const ResidentWatch&) = delete;
  ResidentWatch& operator=(const ResidentWatch&) = delete;

  /// Bytes; 0 where they cannot be read.
  int64_t stop() {
    if (thread_.empty()) return peak_;
    done_ = true;
    thread_.join();
    return peak_ = std::max(peak_, rss_bytes());
  }

 private:
  void watch() {
    while (!done_) {
      peak_ = std::max(peak_, rss_bytes());
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  std::atomic<bool> done_{false};
  int64_t peak_ = 0;
  Threads thread_;
};

constexpr int64_t kPrompt = 256, kAnswer = 16, kQuickPrompt = 64, kQuickAnswer = 4;

int64_t prompt_tokens(const SuiteOptions& o) { return o.size(kPrompt, kQuickPrompt); }
int64_t answer_tokens(const SuiteOptions& o) { return o.generated(kAnswer, kQuickAnswer); }

/// Bytes of the model's files; 0 where there are none.
int64_t bytes_on_disk(const Checkpoint& checkpoint) {
  namespace fs = std::filesystem;
  if (checkpoint.is_random()) return 0;
  std::error_code problem;
  const fs::path path = checkpoint.path();
  if (fs::is_regular_file(path, problem)) return int64_t(fs::file_size(path, problem));
  int64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(path, problem)) {
    const std::string kind = entry.path().extension().string();
    if (kind == ".safetensors" || kind == ".gguf") bytes += int64_t(entry.file_size(problem));
  }
  return bytes;
}

struct Phases {
  SuiteResult result;
  int64_t rss = 0, available = 0;  // before anything
  int64_t total = 0;  // held now, but for scratch: that grows with threads, not with the model

  void add(const std::string& name, int64_t bytes, const char* why_not) {
    result.figures.push_back(bytes > 0 ? measured(name, "bytes", {double(bytes)})
                                       : not_measured(name, "bytes", why_not));
  }
  /// What the backend holds now, and by how much the process has grown.
  void add_phase(const std::string& phase, const MemoryCounters& memory) {
    total = 0;
    for (size_t i = 0; i < kMemoryKinds; ++i) {
      if (MemoryKind(i) != MemoryKind::kScratch) total += memory.now[i];
      result.figures.push_back(measured(fmt::format("{}_{}", phase, kMemoryKindNames[i]), "bytes",
                                        {double(memory.now[i])}));
    }
    add_growth(phase + "_rss_delta", rss_bytes());
  }
  /// May be negative where memory was given back.
  void add_growth(const std::string& name, int64_t rss_now) {
    result.figures.push_back(
        rss_now > 0 && rss > 0
            ? measured(name, "bytes", {double(rss_now - rss)})
            : not_measured(name, "bytes", "the resident set cannot be read here"));
  }
};

/// Loads, reads a prompt and answers it, with a reading after each.
void run_phases(SuiteContext& context, int64_t n_prompt, int64_t n_new, Phases& phases) {
  const SuiteOptions& o = context.options();
  ResidentWatch loading;
  const int64_t start = now_ns();
  LoadedModel& loaded = context.model(1, n_prompt + n_new);
  phases.result.figures.push_back(measured("load_time", "ns", {double(now_ns() - start)}));
  phases.add_growth("loading_peak_rss_delta", loading.stop());
  phases.add_phase("loaded", loaded.backend->memory());
  ResidentWatch running;
  Session session(loaded.model, session_options(o.model, 1, n_prompt + n_new));
  fill_context(session, loaded.model, n_prompt, o.model.seed);
  phases.add_phase("prefilled", loaded.backend->memory());
  for (int64_t i = 0; i < n_new && !interrupted(); ++i) {
    const int32_t id = session.argmax(0, loaded.model.config.vocab);
    session.decode(&id);
  }
  phases.add_phase("decoded", loaded.backend->memory());
  phases.add_growth("running_peak_rss_delta", running.stop());
  phases.add("process_peak_rss", peak_rss_bytes(), "the peak cannot be read here");
}

MemoryMeasured measured_memory(SuiteContext& context, const SessionOptions& session,
                               const Phases& phases) {
  const ModelOptions& o = context.options().model;
  const Checkpoint& checkpoint = context.checkpoint();
  ModelOptions stored = o;
  stored.dtype.clear();
  SessionOptions plain = session;
  plain.kv = {};
  const auto plan = [&](const ModelOptions& model, const SessionOptions& with) {
    return double(
        plan_memory(checkpoint.config(), planned_weight_bytes(model, checkpoint), with).total());
  };
  MemoryMeasured m;
  m.held = double(phases.total), m.available = double(phases.available);
  m.planned = plan(o, session), m.as_stored = plan(stored, plain);
  m.reduces = !o.dtype.empty() || kv_type(o).dtype != DType::kF32;
  return m;
}

SuiteResult run(SuiteContext& context) {
  const SuiteOptions& o = context.options();
  const int64_t n_prompt = prompt_tokens(o), n_new = answer_tokens(o);
  context.unload();
  Phases phases;
  phases.rss = rss_bytes(), phases.available = available_memory_bytes();
  phases.add("model_size_on_disk", bytes_on_disk(context.checkpoint()),
             "random weights: there is no file");
  run_phases(context, n_prompt, n_new, phases);
  phases.result.criteria =
      judge_memory(measured_memory(context, session_options(o.model, 1, n_prompt + n_new), phases));
  phases.result.interrupted = interrupted();
  phases.result.details = {
      {"prompt_tokens", n_prompt},
      {"generated_tokens", n_new},
      {"rss_before_bytes", number_or_null(double(phases.rss), phases.rss > 0)},
      {"note",
       "deltas are against the process before loading; memory that suites before gave "
       "back may be used again"}};
  return std::move(phases.result);
}

SuiteCost cost(const SuiteOptions& o, const ModelConfig&) {
  SuiteCost cost;
  cost.prefill_tokens = prompt_tokens(o), cost.decode_steps = answer_tokens(o);
  cost.capacity = cost.prefill_tokens + cost.decode_steps;
  cost.seconds = 1;
  return cost;
}

}  // namespace

std::vector<Criterion> judge_memory(const MemoryMeasured& m) {
  CriterionArgs reduction{"memory_reduction", Bound::kAtLeast, 15, "15 % of the model as stored",
                          std::nullopt};
  if (m.reduces) {
    reduction.value = 100 * (1 - m.planned / m.as_stored);
    reduction.note =
        fmt::format("{} instead of {}; the guides expect 15 to 30 %",
                    format_bytes(int64_t(m.planned)), format_bytes(int64_t(m.as_stored)));
  } else {
    reduction.note = "nothing is reduced: give --dtype q8_0 or q4_0, or --kv-dtype f16";
  }
  return {
      judge({"planned_memory", Bound::kAtMost, 1.25, "1.25 x the plan", m.held / m.planned,
             "held (without threads' scratch) against what was planned before loading"}),
      judge({"memory_within_limits", Bound::kBelow, m.available,
             fmt::format("{} that were free before loading", format_bytes(int64_t(m.available))),
             m.held, "", "bytes"}),
      judge(std::move(reduction))};
}

Suite memory_phases_suite() {
  return {
      "memory_phases",
      "comprehensive,memory,automated",
      "memory after loading, after the prompt and after the answer, by kind",
      "The model is loaded afresh; a prompt of random tokens is read and a few tokens are decoded. "
      "After each phase the backend's own counters (weights, kv_cache, activations, scratch) and "
      "the growth of the process are read; peaks while loading and running are sampled every 2 ms. "
      "Passes when the backend holds at most 1.25 x what was planned and less than was free; where "
      "--dtype or --kv-dtype reduce something, when that is 15 % or more.",
      run,
      cost};
}

}  // namespace qwench::bench
