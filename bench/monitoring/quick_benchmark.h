// One fixed greedy answer of a model that stays loaded: the same work, token by token, every time.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/machine/energy/energy_meter.h"
#include "bench/model/model_options.h"
#include "bench/monitoring/history.h"

namespace qwench::bench {

struct QuickOptions {
  ModelOptions model;
  std::string prompt;   // "": a sentence, or fixed ids where there is no tokenizer
  int64_t tokens = 32;  // generated; no token ends it
};

class QuickBenchmark {
 public:
  /// Loads the model and runs once, untimed. UsageError, Error.
  explicit QuickBenchmark(const QuickOptions& options);
  QuickBenchmark(const QuickBenchmark&) = delete;
  QuickBenchmark& operator=(const QuickBenchmark&) = delete;

  const Backend& backend() const { return *loaded_.backend; }
  const ModelConfig& config() const { return loaded_.model.config; }
  int64_t prompt_tokens() const { return int64_t(prompt_.size()); }

  /// Nothing when interrupted. Error when the answer is another than the first time: same machine, same
  /// numbers, same tokens. With a meter, further answers follow for as long as it needs.
  std::optional<MonitorSample> run(EnergyMeter* meter);

 private:
  /// False when interrupted.
  bool generate(std::vector<int32_t>& ids);
  void compare(const std::vector<int32_t>& ids) const;

  int64_t tokens_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::vector<int32_t> prompt_;
  SessionOptions plan_;
  LoadedModel loaded_;
  Session session_;
  std::vector<int32_t> expected_;
};

}  // namespace qwench::bench
