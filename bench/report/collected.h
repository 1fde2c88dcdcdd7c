// What was read from all results, before anything is derived from it: measurements, tables of their
// own, and configurations, which results of several commands say different things about.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/report/choices.h"
#include "bench/report/documents.h"
#include "bench/report/environments.h"
#include "bench/report/field.h"
#include "bench/report/samples.h"
#include "bench/report/tables.h"

namespace qwench::bench::report {

enum class Quantity : unsigned char { kThroughput, kLatency, kMemory, kOther };

struct Measurement {
  size_t source = 0;
  std::string mode;          // what was measured: "qwen3-0.6b q4_0"
  std::string group;         // metrics that belong in one chart: "decode"
  std::string metric, unit;  // "decode 16 tokens, batch 4", "tokens/s"
  Quantity quantity = Quantity::kOther;
  Sampled samples;
  std::string given = {};                       // its name in its own file
  std::optional<size_t> choice = std::nullopt;  // of Collected::choices, that was timed
};

/// A case of a sweep.
struct SweepPoint {
  size_t source = 0;
  std::string mode, phase;  // threads are an axis: the mode does not name them
  double batch = 1, depth = 0, threads = 1, n_tokens = 0;
  Sampled speed;  // tokens/s of the whole batch
};

/// What `compare` found of two configurations that took turns.
struct PairVerdict {
  size_t source = 0;
  std::string a, b, phase, verdict;  // names in their file; "better": b is
  std::optional<Interval> ratio;     // speed of b over a, 95 %
};

/// One configuration that two runs timed in one case, with medians whose 95 % intervals do not meet:
/// what changed is the machine.
struct Drift {
  size_t first = 0, second = 0;  // of Collected::measurements
  double ratio = 1;              // of the medians, above 1
};

struct Collected {
  std::vector<Source> sources;
  std::vector<std::string> notes;  // on the sources: what was interrupted
  std::vector<Measurement> measurements;
  std::vector<SweepPoint> sweep;
  std::vector<PairVerdict> pairs;
  Choices choices;
  Section models, speed, memory, quality;  // of all files
  std::vector<Section> sections;           // of a kind of result
  std::vector<Chart> charts;
  std::vector<Headline> headlines;       // that files say themselves
  std::vector<const Json*> suites_read;  // borrowed from the documents
  std::vector<Lines> environments;       // that differ and are known
  std::vector<size_t> environment_of;    // of each source: one of them, or a number of its own
  std::vector<bool> interrupted;         // of each source
  std::vector<Drift> drifts;             // between runs of one environment

  Collected();
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
void read_headline(const Field& root, size_t source, Collected& to);

/// All documents, with their environments and configurations. A mode that several files have gets the
/// file's name behind its own.
Collected collect(const std::vector<Document>& documents);

/// One end of it, as a cell.
Cell end_of(const std::optional<Interval>& interval, double Interval::*end, std::string reason);

/// "the file does not say"; for members that older or other files lack.
Cell cell_at(const Field& object, std::string_view key);

/// Of what suites and histories could not measure, and why.
Section missing_section();

}  // namespace qwench::bench::report
