// A benchmark suite: what it measures, by what method, and when it passes. Each is one row of the list
// in registry.cc, and one file <name>.cc here.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/model/model_options.h"
#include "bench/model/text_options.h"
#include "bench/support/output.h"
#include "bench/support/statistics.h"
#include "engine/backend/probes.h"

namespace qwench::bench {

/// One measured quantity. Nothing is ever 0 for "not measured".
struct Figure {
  std::string name, unit;          // "first_token_latency", "ns"; SI units, as in JSON field names
  std::optional<Summary> summary;  // none: not measured, and `missing` says why
  std::string missing;
};

enum class Outcome : unsigned char {
  kPass,
  kFail,
  kUnreachable,    // missed, and no implementation could meet it on this machine
  kNotApplicable,  // about another size of model, or another kind of device
  kUnknown,        // not measured
};
/// "pass", "fail", "unreachable here", "not applicable", "unknown".
std::string_view name_of(Outcome outcome);

/// A condition that a suite states before it measures.
struct Criterion {
  std::string name, expected;   // "first_token_latency", "< 10 s"
  std::optional<double> value;  // in the unit of the figure of that name
  std::optional<double>
      ceiling_percent;  // the target as a part of what this machine was measured to allow
  Outcome outcome = Outcome::kUnknown;
  std::string note;
  std::string unit = {};  // of the value: "ns", "bytes"; "" where a plain number says enough
};

struct SuiteResult {
  std::vector<Figure> figures;
  std::vector<Criterion> criteria;
  OrderedJson details;  // what is not a figure: tables, curves; an object
  bool interrupted = false;
};

struct SuiteOptions {
  ModelOptions model;
  int64_t runs = 5, warmup = 1;
  int64_t max_tokens = 0;  // generated; 0: the suite's own
  std::vector<int64_t> batches = {1, 4, 8, 16};
  std::string prompts_file;
  double seconds = 0;  // of suites that go on for a time; 0: their own
  bool quick = false;  // the smallest sizes that still mean something

  /// `usual` or `least`, by `quick`.
  int64_t size(int64_t usual, int64_t least) const { return quick ? least : usual; }
  /// Tokens to generate: what was asked for, else the suite's own.
  int64_t generated(int64_t usual, int64_t least) const {
    return max_tokens ? max_tokens : size(usual, least);
  }
};

/// What a running suite may use. Model and ceilings are loaded and measured when first asked for, and
/// shared by the suites of one command.
class SuiteContext {
 public:
  explicit SuiteContext(const SuiteOptions& options);
  ~SuiteContext();

  const SuiteOptions& options() const { return options_; }
  const Checkpoint& checkpoint();
  /// Weights in memory, with room for n_seq sequences of `capacity` positions beside them (checked, not
  /// allocated). UsageError, Error.
  LoadedModel& model(int64_t n_seq, int64_t capacity);
  /// Frees the weights, for suites that load models of their own; model() loads them again.
  void unload() { model_.reset(); }
  /// Tokenizer where there is one; greedy, and no token ends a generation.
  const TextModel& text();
  /// What the backend has, or will have.
  int threads() const;
  const Ceilings& roofline();
  Progress& progress() { return progress_; }

 private:
  const SuiteOptions& options_;
  Progress progress_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::unique_ptr<LoadedModel> model_;
  std::optional<TextModel> text_;
  std::optional<Ceilings> roofline_;
};

/// What a suite will do, for the plan: whether it fits, and about how long it takes.
struct SuiteCost {
  int64_t n_seq = 1, capacity = 512;             // of its largest session
  int64_t prefill_tokens = 0, decode_steps = 0;  // of all runs; a step is one pass over the weights
  int64_t models = 1;                            // in memory at one time
  double seconds = 0;                            // of what is not the model
};

struct Suite {
  std::string_view name;         // snake_case, unique
  std::string_view types;        // of --benchmark-type, comma between them; "all" is understood
  std::string_view description;  // one line
  std::string_view method;       // what is done how often, and what is excluded; sentences
  SuiteResult (*run)(SuiteContext& context);
  /// Nothing: not known, and the plan says so.
  SuiteCost (*cost)(const SuiteOptions& options, const ModelConfig& config) = nullptr;

  /// True where `type` is among its types, or "all".
  bool has_type(std::string_view type) const;
};

const std::vector<Suite>& suites();

}  // namespace qwench::bench
