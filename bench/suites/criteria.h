// When a suite passes: functions of what it measured and of nothing else, so that a test can hand them a fault.
// Each is defined in the file of its suite.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/suites/findings.h"
#include "bench/suites/result.h"
#include "bench/suites/suite.h"

namespace qwench::bench {

// ---- throughput
struct ThroughputMeasured {
  int64_t asked = 0, answered = 0;                    // prompts; answered: with all their tokens
  std::vector<double> samples_per_second, sample_ns;  // of each pass; of each answer
  int64_t peak_bytes = 0, room_bytes = 0;             // of the process; 0: cannot be read
  bool gpu = false, interrupted = false;
};
std::vector<Criterion> judge_throughput(const ThroughputMeasured& m);

// ---- latency, latency_consistency
Criterion judge_latency(const std::vector<double>& total_ns);
Criterion judge_consistency(const std::vector<double>& total_ns);

// ---- prompt_categories, scalability
struct BatchSpeed {
  int64_t batch = 0;
  double tokens_per_second = 0;
};
/// The best speed of several sequences over that of one. Unknown where one of them was not measured.
Criterion judge_batch_gain(std::string name, Bound bound, const std::vector<BatchSpeed>& speeds);
/// Prefill on `threads` threads as a part of as many times the speed of one.
Criterion judge_thread_efficiency(double one, double all, int64_t threads);

// ---- depth_sweep
struct DepthSpeed {
  int64_t depth = 0;
  double tokens_per_second = 0, bytes = 0;  // bytes: read by the case, by formula
};
/// How much slower the deepest decode is, beside how many more bytes it has to read.
Criterion judge_slowdown(const std::vector<DepthSpeed>& points);

// ---- memory_phases, memory_stress
struct MemoryMeasured {
  double held = 0;       // bytes, without the scratch of threads
  double planned = 0;    // before loading
  double available = 0;  // before loading
  double as_stored = 0;  // planned for the weights as stored, with keys and values in f32
  bool reduces = false;  // the options ask for less than that
};
std::vector<Criterion> judge_memory(const MemoryMeasured& m);

struct StressMeasured {
  int64_t prompts = 0, passed = 0;
  double held_more = 0;                 // bytes, by the backend, after all prompts
  std::optional<double> resident_more;  // bytes, by the process
  bool interrupted = false;
};
std::vector<Criterion> judge_stress(const StressMeasured& m);

// ---- stability
struct EnduranceMeasured {
  std::vector<double> tokens_per_second, rss;  // of each run, in order
  std::vector<std::string> hashes;
  bool interrupted = false;
};
std::vector<Criterion> judge_endurance(const EnduranceMeasured& m);

// ---- concurrency
/// What one number of users gave.
struct UsersMeasured {
  int64_t users = 0, generated = 0, failures = 0;
  std::vector<double> token_ns;     // per request: latency / tokens
  std::vector<std::string> hashes;  // of the answers, by request
  double seconds = 0;
};
std::vector<Criterion> judge_users(const std::vector<UsersMeasured>& levels, bool interrupted);

// ---- model_capacity
struct CapacityFact {
  const char* name;
  int64_t stated, held;
};
Criterion judge_capacity(const CapacityFact& fact);

// ---- quality
struct QualityMeasured {
  int64_t items = 0, answered = 0;   // answered: with some text
  std::optional<double> perplexity;  // median over the references
  int64_t vocab = 0;
  bool interrupted = false;
};
std::vector<Criterion> judge_quality(const QualityMeasured& m);

// ---- accuracy
/// The relative error (L2) of the logits over the held-out text.
Criterion judge_text_logits(double relative_l2);
/// A limit of `qwench accuracy`: a figure that is not a number has failed it.
Criterion judge_accuracy_verdict(const OrderedJson& verdict);
struct GradientsMeasured {
  double finite_difference_error = 0, least_cosine = 1, min_cosine = 0;
  bool recompute_equal = false;
};
std::vector<Criterion> judge_gradients(const GradientsMeasured& m);

// ---- the machine's suites: criteria of the figures found so far
void judge_storage(SuiteFindings& found);
/// `reads_from`: the level of memory that holds the model's weights.
void judge_memory_bandwidth(SuiteFindings& found, const std::string& reads_from);
void judge_access_pattern(SuiteFindings& found);
/// `rows`: a prediction for each model and type, with its verdicts.
void judge_suitability(SuiteFindings& found, const OrderedJson& rows);
struct PipelineTask {
  const char* name;
  int64_t items;               // of the whole pile
  double limit_s, per_minute;  // for the pile; at least
};
/// `least_s`: of one item, if the machine did nothing but read and multiply; `measured`: items.
void judge_pipeline(SuiteFindings& found, const PipelineTask& task, std::optional<double> least_s,
                    int64_t measured);
/// `embedded`: chunks measured of those that are extrapolated to.
void judge_retrieval(SuiteFindings& found, bool large_model, const std::string& embedded);

}  // namespace qwench::bench
