// The loop of autoregressive generation; the last id is never run through the model.
#include "bench/model/generate.h"

#include <algorithm>
#include <optional>

#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "bench/support/table.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

double per_second(int64_t n, int64_t ns) { return ns > 0 ? double(n) * 1e9 / double(ns) : 0; }

/// Chooses the next token: on the backend where it is the argmax of the logits, else by the sampler.
class Chooser {
 public:
  explicit Chooser(const GenerateArgs& args) : args_(args) {
    const SamplerOptions& sampling = args.text.sampling;
    if (sampling.draws() || sampling.processes()) sampler_.emplace(sampling, args.text.emit_limit);
  }
  int32_t choose(const std::vector<int32_t>& history) {
    if (!sampler_) return args_.session.argmax(0, args_.text.emit_limit);
    return sampler_->sample(args_.session.logits(0),
                            {history.data(), history.size(), args_.prompt.size()});
  }

 private:
  const GenerateArgs& args_;
  std::optional<Sampler> sampler_;
};

/// False when interrupted before the last pass.
bool prefill(const GenerateArgs& args, Generated& g) {
  const int64_t start = now_ns();
  const bool complete = finished([&] {
    args.session.prefill(0, args.prompt.data() + args.n_cached, g.prompt_tokens - args.n_cached,
                         args.on_logits);
  });
  g.prefilled = args.session.length(0) - args.n_cached;
  g.prefill_ns = now_ns() - start;
  return complete;
}

}  // namespace

int64_t reusable(const std::vector<int32_t>& cached, const std::vector<int32_t>& prompt) {
  size_t same = 0;
  while (same < cached.size() && same + 1 < prompt.size() && cached[same] == prompt[same]) ++same;
  return int64_t(same);
}

std::string_view name_of(End end) {
  constexpr std::string_view kNames[] = {"length", "eos", "stop", "interrupted"};
  return kNames[size_t(end)];
}

Generated generate(const GenerateArgs& args) {
  Generated g;
  g.history = args.prompt;
  g.history.reserve(args.prompt.size() + size_t(args.max_new));
  g.prompt_tokens = int64_t(args.prompt.size());
  g.cached = args.n_cached;
  Chooser chooser(args);
  const int64_t start = now_ns();
  if (!prefill(args, g)) g.end = End::kInterrupted;
  const std::vector<int32_t>& stops = args.text.stop_ids;
  int64_t first_token = 0;
  while (g.end == End::kLength && int64_t(g.ids.size()) < args.max_new) {
    const int32_t id = chooser.choose(g.history);
    if (g.ids.empty()) first_token = now_ns(), g.ttft_ns = first_token - start;
    g.ids.push_back(id), g.history.push_back(id);
    const bool stopped = args.on_token && !args.on_token(id);
    if (stopped) g.end = End::kStop;
    if (std::find(stops.begin(), stops.end(), id) != stops.end()) g.end = End::kEos;
    if (interrupted()) g.end = End::kInterrupted;
    if (g.end != End::kLength || int64_t(g.ids.size()) == args.max_new) break;
    if (!finished([&] { args.session.decode(&id); })) {
      g.end = End::kInterrupted;
      break;
    }
    ++g.decode_steps;
  }
  if (g.decode_steps) g.decode_ns = now_ns() - first_token;
  g.peak_rss_bytes = peak_rss_bytes();
  g.backend = std::string(args.backend.name());
  return g;
}

OrderedJson stats_json(const Generated& g) {
  OrderedJson ttft = nullptr, rss = nullptr;
  if (!g.ids.empty()) ttft = g.ttft_ns;
  if (g.peak_rss_bytes) rss = g.peak_rss_bytes;
  return {{"prompt_tokens", g.prompt_tokens},
          {"generated_tokens", g.ids.size()},
          {"prefill_tokens_per_second",
           number_or_null(per_second(g.prefilled, g.prefill_ns), g.prefill_ns > 0)},
          {"decode_tokens_per_second",
           number_or_null(per_second(g.decode_steps, g.decode_ns), g.decode_ns > 0)},
          {"ttft_ns", ttft},
          {"peak_rss_bytes", rss},
          {"backend", g.backend}};
}

std::string stats_line(const Generated& g) {
  std::string read = g.cached ? fmt::format(" ({} from the cache)", g.cached) : "";
  if (g.cached + g.prefilled < g.prompt_tokens)
    read += fmt::format(" (interrupted after {})", g.cached + g.prefilled);
  const std::string decode =
      g.decode_ns > 0 ? fmt::format("{:.2f} tokens/s", per_second(g.decode_steps, g.decode_ns))
                      : "-";
  return fmt::format(
      "{} prompt tokens{}, {} generated; prefill {:.2f} tokens/s, decode {}, TTFT {}, "
      "peak memory {}, backend {}",
      g.prompt_tokens, read, g.ids.size(), per_second(g.prefilled, g.prefill_ns), decode,
      g.ids.empty() ? "-" : format_ns(double(g.ttft_ns)),
      g.peak_rss_bytes ? format_bytes(g.peak_rss_bytes) : "unknown", g.backend);
}

std::string position_note(const ModelConfig& config, int64_t n_tokens, int64_t n_new) {
  const int64_t positions = config.usable_positions();
  if (positions <= 0 || n_tokens + n_new <= positions) return {};
  const std::string more = n_new ? fmt::format(" and {} to generate (-n)", n_new) : "";
  return fmt::format(
      "note: {} tokens{} go beyond the {} positions the model was made for; expect nonsense",
      n_tokens, more, positions);
}

}  // namespace qwench::bench
