// What was read from all results, before anything is derived from it: measurements, tables of their
// own, and configurations, which results of several commands say different things about.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/report/documents.h"
#include "bench/report/field.h"
#include "bench/report/tables.h"

namespace qwench::bench::report {

/// Repeated measurements of one quantity.
struct Sampled {
  int64_t n = 0;
  double median = 0, mean = 0, std = 0, min = 0, max = 0;
  std::optional<Interval> ci95;    // of the median
  std::optional<double> p95, p99;  // none with too few samples for them
  bool unstable = false;
  std::vector<double> values;  // may be empty: a file need not keep them
};
/// A summary as statistics.h writes it; Error on one that contradicts itself.
Sampled read_sampled(const Field& summary);
/// Contract: at least one value.
Sampled sampled(std::vector<double> values);
Sampled scaled(Sampled samples, double factor);

enum class Quantity : unsigned char { kThroughput, kLatency, kMemory, kOther };

struct Measurement {
  size_t source = 0;
  std::string mode;          // what was measured: "qwen3-0.6b q4_0"
  std::string group;         // metrics that belong in one chart: "decode"
  std::string metric, unit;  // "decode 16 tokens, batch 4", "tokens/s"
  Quantity quantity = Quantity::kOther;
  Sampled samples;
};

/// A case of a sweep.
struct SweepPoint {
  std::string mode, phase;
  double batch = 1, depth = 0, threads = 1, n_tokens = 0;
  Sampled speed;  // tokens/s of the whole batch
};

/// A configuration that one may choose; what several results say of it is joined by `key`.
struct Choice {
  std::string name, key;
  std::optional<double> decode, prefill;  // tokens/s, medians
  std::optional<double> first_token_ms, memory_bytes, weight_bytes;
  std::optional<double> kl, perplexity, perplexity_ratio;
  std::optional<bool> accurate;  // within the tolerances of `accuracy`
  bool reference = false;        // what the others were compared with: its divergence is 0
};

struct Collected {
  std::vector<Source> sources;
  std::vector<std::string> notes;  // on the sources: what was interrupted
  std::vector<Measurement> measurements;
  std::vector<SweepPoint> sweep;
  std::vector<Choice> choices;
  Section models, speed, memory, quality;  // of all files
  std::vector<Section> sections;           // of a kind of result
  std::vector<Chart> charts;

  Collected();
  /// The choice with this key, made if there is none; a shorter name is kept.
  Choice& choice(const std::string& key, const std::string& name);
  /// The section with this id, made of `like` if there is none.
  Section& section(const Section& like);
  Chart& chart(const std::string& id, const std::string& title);
};

/// One document into `to`; `source` is its index among the sources. Error naming file and key.
using Reader = void (*)(const Field& root, size_t source, Collected& to);
void read_bench(const Field& root, size_t source, Collected& to);
void read_kernels(const Field& root, size_t source, Collected& to);
void read_compare(const Field& root, size_t source, Collected& to);
void read_accuracy(const Field& root, size_t source, Collected& to);
void read_regress(const Field& root, size_t source, Collected& to);
void read_suites(const Field& root, size_t source, Collected& to);
void read_monitor(const Field& root, size_t source, Collected& to);

/// All documents, with their environments and configurations. A mode that several files have gets the
/// file's name behind its own.
Collected collect(const std::vector<Document>& documents);

/// "qwen3-0.6b q4_0, kv f16, linear=eigen": parts that are as always are left out.
std::string configuration_name(const std::string& model, const std::string& dtype,
                               const std::string& kv_dtype, const std::string& policy);
/// What makes two results speak of the same configuration.
std::string configuration_key(const std::string& model, const std::string& dtype,
                              const std::string& kv_dtype, const std::string& policy);

/// object[key], an interval as [lower, upper]; nothing where it is null or missing.
std::optional<Interval> find_interval(const Field& object, std::string_view key);
/// One end of it, as a cell.
Cell end_of(const std::optional<Interval>& interval, double Interval::*end, std::string reason);

/// "the file does not say"; for members that older or other files lack.
Cell cell_at(const Field& object, std::string_view key);

}  // namespace qwench::bench::report
