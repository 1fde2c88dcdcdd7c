// What everything around the arithmetic costs: dispatch and accounting of an op, memory, waking the
// threads, choosing a token, text to ids and back.
#include <algorithm>
#include <random>

#include "bench/suites/findings.h"
#include "bench/suites/machine_suites.h"
#include "bench/suites/synthetic_corpus.h"
#include "bench/support/interrupt.h"
#include "bench/sweep/case.h"
#include "engine/backend/probes.h"
#include "engine/text/sampler.h"
#include "engine/text/tokenizer.h"

namespace qwench::bench {

namespace {

constexpr int64_t kKiB = 1024, kMiB = kKiB * kKiB;

/// Nanoseconds of a call, `runs` times, each the mean of `n` calls.
template <class F>
std::vector<double> time_calls(int64_t runs, int64_t n, const F& call) {
  std::vector<double> ns;
  call();
  for (int64_t run = 0; run < runs; ++run) {
    const int64_t start = now_ns();
    for (int64_t i = 0; i < n; ++i) call();
    ns.push_back(double(now_ns() - start) / double(n));
  }
  return ns;
}

/// Nanoseconds to bytes a second.
std::vector<double> rates(const std::vector<double>& ns, int64_t bytes) {
  std::vector<double> list;
  for (double t : ns) list.push_back(double(bytes) * 1e9 / std::max(t, 1e-3));
  return list;
}

std::string size_name(int64_t bytes) {
  return bytes < kMiB ? fmt::format("{}kib", bytes / kKiB) : fmt::format("{}mib", bytes / kMiB);
}

class OverheadSuite {
 public:
  explicit OverheadSuite(SuiteContext& context)
      : context_(context),
        quick_(context.options().quick),
        runs_(quick_ ? 3 : std::max<int64_t>(context.options().runs, 5)),
        backend_(make_backend(context.options().model, threads_of(context))) {}

  SuiteResult run() {
    for (void (OverheadSuite::*part)() :
         {&OverheadSuite::dispatch, &OverheadSuite::memory, &OverheadSuite::importing,
          &OverheadSuite::waking, &OverheadSuite::sampling, &OverheadSuite::text,
          &OverheadSuite::share_of_decode})
      if (!interrupted()) (this->*part)();
    judge();
    found_.result.interrupted = interrupted();
    return std::move(found_.result);
  }

 private:
  /// An op of eight numbers: its arithmetic is a few nanoseconds, the rest is dispatch.
  void dispatch() {
    context_.progress().show("dispatch");
    const Buffer x = backend_->allocate(64, MemoryKind::kScratch),
                 w = backend_->allocate(64, MemoryKind::kScratch),
                 y = backend_->allocate(64, MemoryKind::kScratch);
    const RmsNormArgs args{{x.data(), DType::kF32, {1, 8}},
                           {w.data(), DType::kF32, {8}},
                           1e-6f,
                           {y.data(), DType::kF32, {1, 8}}};
    const int64_t n = quick_ ? 2000 : 20000;
    Profiler profiler;
    found_.measured("op_dispatch", "ns", time_calls(runs_, n, [&] { backend_->run(args); }));
    backend_->profiler = &profiler;
    found_.measured("op_dispatch_profiled", "ns",
                    time_calls(runs_, n, [&] { backend_->run(args); }));
    backend_->profiler = nullptr;
    const double on = *found_.value("op_dispatch_profiled"), off = *found_.value("op_dispatch");
    found_.measured("op_accounting", "ns", {on - off});
  }

  void memory() {
    for (int64_t bytes : {4 * kKiB, kMiB, quick_ ? 16 * kMiB : 64 * kMiB}) {
      const std::string size = size_name(bytes);
      context_.progress().show("memory, " + size);
      const int64_t n = std::max<int64_t>(1, (quick_ ? 4 : 16) * kMiB / bytes);
      found_.measured("allocate_" + size, "ns", time_calls(runs_, std::min<int64_t>(n, 256), [&] {
                        backend_->allocate(bytes, MemoryKind::kScratch);
                      }));
      const Buffer device = backend_->allocate(bytes, MemoryKind::kScratch);
      std::vector<char> host(static_cast<size_t>(bytes), 1);
      found_.measured(
          "upload_" + size, "B/s",
          rates(time_calls(runs_, n, [&] { backend_->upload(device.data(), host.data(), bytes); }),
                bytes));
      found_.measured(
          "download_" + size, "B/s",
          rates(
              time_calls(runs_, n, [&] { backend_->download(host.data(), device.data(), bytes); }),
              bytes));
    }
  }

  /// A matrix of zeros in the model's own type into the layouts that its kernels read.
  void importing() {
    context_.progress().show("import");
    const ModelOptions& options = context_.options().model;
    const DType dtype = weight_dtype(options, context_.checkpoint().config());
    const int64_t out = 1024, in = 1024, bytes = out * row_bytes(dtype, in);
    std::vector<char> host(static_cast<size_t>(bytes), 0);
    const TensorView matrix{host.data(), dtype, {out, in}};
    found_.measured("import", "B/s",
                    rates(time_calls(runs_, quick_ ? 1 : 4,
                                     [&] { backend_->import(matrix, WeightUse::kLinear); }),
                          bytes));
    found_.result.details["import_dtype"] = name_of(dtype);
  }

  void waking() {
    context_.progress().show("waking the threads");
    const int threads = threads_of(context_);
    if (threads < 2) {
      for (const char* name : {"wake_awake_threads", "wake_sleeping_threads"})
        found_.missing(name, "ns", "one thread has nobody to wake");
      return;
    }
    const StartLatency latency = backend_->probes()->start_latency(quick_ ? 10 : 50);
    found_.measured("wake_awake_threads", "ns", latency.awake_ns);
    found_.measured("wake_sleeping_threads", "ns", latency.asleep_ns);
    found_.result.details["wake_calls_too_late"] = latency.late;
  }

  void sampling() {
    context_.progress().show("sampling");
    const int64_t vocab = context_.checkpoint().config().vocab;
    std::vector<float> logits(size_t(vocab), 0.0f);
    std::mt19937_64 random(1);
    std::normal_distribution<float> normal(0, 3);
    for (float& l : logits) l = normal(random);
    const std::vector<int32_t> history(256, 0);
    const TokenHistory so_far{history.data(), history.size(), 128};
    SamplerOptions greedy, full;
    greedy.greedy = true;
    full.temperature = 0.7, full.top_k = 20, full.top_p = 0.8, full.repetition_penalty = 1.05;
    const int64_t n = std::max<int64_t>(1, (quick_ ? 400'000 : 4'000'000) / vocab);
    const auto measure = [&](const char* name, const SamplerOptions& options) {
      Sampler sampler(options, vocab);
      found_.measured(name, "ns",
                      time_calls(runs_, n, [&] { sampler.sample(logits.data(), so_far); }));
    };
    measure("sample_greedy", greedy);
    measure("sample_top_k_top_p", full);
  }

  void text() {
    context_.progress().show("tokenizer");
    std::unique_ptr<Tokenizer> tokenizer;
    if (!context_.checkpoint().is_random())
      tokenizer = open_tokenizer(context_.options().model.model);
    if (!tokenizer) {
      for (const char* name : {"tokenizer_encode", "tokenizer_decode"})
        found_.missing(name, "B/s", "the model has no tokenizer");
      return;
    }
    std::string text;
    for (int64_t i = 0; int64_t(text.size()) < (quick_ ? 64 : 512) * kKiB; ++i)
      text += synthetic_document(uint64_t(i), 200) + "\n";
    std::vector<int32_t> ids;
    const int64_t bytes = int64_t(text.size());
    found_.measured("tokenizer_encode", "B/s",
                    rates(time_calls(runs_, 1, [&] { ids = tokenizer->encode(text); }), bytes));
    found_.measured("tokenizer_decode", "B/s",
                    rates(time_calls(runs_, 1, [&] { tokenizer->decode(ids, false); }), bytes));
    found_.result.details["tokenizer_bytes"] = bytes;
    found_.result.details["tokenizer_tokens"] = ids.size();
  }

  /// The ops of a decoded token, each at the price of an empty one, as a part of the token.
  void share_of_decode() {
    const SuiteOptions& o = context_.options();
    const int64_t n_tokens = quick_ ? 8 : 32, capacity = n_tokens + 1;
    LoadedModel& loaded = context_.model(1, capacity);
    Session session(loaded.model, session_options(o.model, 1, capacity));
    CaseSettings settings;
    settings.phase = Phase::kDecode, settings.n_tokens = n_tokens, settings.seed = o.model.seed;
    settings.runs = quick_ ? 2 : o.runs, settings.warmup = quick_ ? 0 : o.warmup;
    const std::optional<CaseResult> result = measure_case(session, loaded.model, settings);
    if (!result) return;
    int64_t calls = 0;
    for (const OpRecord& r : result->ops) calls += r.calls;
    const double per_token = double(calls) / double(n_tokens);
    std::vector<double> dispatch, between;
    for (double speed : result->tokens_per_second.values)
      dispatch.push_back(100 * per_token * *found_.value("op_dispatch") * speed * 1e-9);
    between.push_back(100 * (1 - double(result->ops_ns()) / double(result->ops_wall_ns)));
    found_.measured("dispatch_of_decode", "percent", dispatch);
    found_.measured("outside_ops_of_decode", "percent", between);
    found_.result.details["ops_per_token"] = per_token;
  }

  void judge() {
    found_.at_most("op_dispatch", "< 1 us an op", 1000);
    found_.at_most("op_accounting", "< 500 ns an op", 500);
    found_.at_most("dispatch_of_decode", "< 5 % of a decoded token", 5);
    found_.at_least("tokenizer_encode", "> 1 MB/s", 1e6);
  }

  SuiteContext& context_;
  const bool quick_;
  const int64_t runs_;
  std::unique_ptr<Backend> backend_;
  SuiteFindings found_;
};

}  // namespace

SuiteResult tensor_overhead(SuiteContext& context) { return OverheadSuite(context).run(); }

}  // namespace qwench::bench
