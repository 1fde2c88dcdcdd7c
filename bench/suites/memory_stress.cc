// Three long prompts: does the memory they need come back, and what happens where there is too little?
#include <algorithm>
#if defined(__linux__)
#include <malloc.h>
#endif

#include "bench/suites/criteria.h"
#include "bench/suites/generation.h"
#include "bench/suites/prompts.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

int64_t times_of(const SuiteOptions& o, const RepeatedPhrase& phrase) {
  return o.quick ? phrase.times / 10 : phrase.times;
}

/// Gives freed blocks back to the system where the C library can: what stays is held by somebody.
void release_free_memory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

struct Tested {
  int64_t before = 0, during = 0, after = 0;  // resident bytes
  int64_t prompt_tokens = 0;
  double seconds = 0;
  std::string error;  // "" where it worked
};

Tested test(SuiteContext& context, const RepeatedPhrase& phrase, int64_t n_new) {
  Tested t;
  release_free_memory();
  t.before = rss_bytes();
  const int64_t start = now_ns();
  try {
    const std::vector<int32_t> prompt =
        prompt_ids(context, phrase.phrase.text, times_of(context.options(), phrase));
    t.prompt_tokens = int64_t(prompt.size());
    GenerationSession session(context, 1, t.prompt_tokens + n_new);
    session.generate(prompt, n_new);
    t.during = rss_bytes();
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {  // kept as data: what does not fit is what the test is for
    t.error = error.what();
  }
  t.seconds = double(now_ns() - start) * 1e-9;
  release_free_memory();
  t.after = rss_bytes();
  return t;
}

OrderedJson known(int64_t bytes) { return number_or_null(double(bytes), bytes > 0); }

OrderedJson to_json(const RepeatedPhrase& phrase, int64_t times, const Tested& t) {
  OrderedJson delta = nullptr, error = nullptr;
  if (t.during > 0 && t.before > 0) delta = t.during - t.before;
  if (!t.error.empty()) error = t.error;
  return {{"test", phrase.phrase.name},
          {"repetitions", times},
          {"prompt_tokens", t.prompt_tokens},
          {"before_bytes", known(t.before)},
          {"during_bytes", known(t.during)},
          {"after_bytes", known(t.after)},
          {"delta_bytes", delta},
          {"seconds", t.seconds},
          {"success", t.error.empty()},
          {"error", error}};
}

int64_t held_bytes(const Backend& backend) {
  int64_t sum = 0;
  for (const int64_t bytes : backend.memory().now) sum += bytes;
  return sum;
}

struct Stress {
  OrderedJson tests = OrderedJson::array();
  std::vector<double> memory, deltas;       // resident bytes of those that ran
  int64_t passed = 0, first = 0, last = 0;  // first, last: resident, before and after all
  int64_t held_before = 0, held_after = 0;  // by the backend

  void add(const RepeatedPhrase& phrase, int64_t times, const Tested& t) {
    tests.push_back(to_json(phrase, times, t));
    passed += t.error.empty() ? 1 : 0;
    if (t.during > 0) {
      memory.push_back(double(t.during));
      deltas.push_back(double(t.during - t.before));
    }
    if (first == 0) first = t.before;
    last = t.after;
  }
  OrderedJson largest() const {
    if (memory.empty()) return nullptr;
    return *std::max_element(memory.begin(), memory.end());
  }
};

SuiteResult report(const Stress& stress) {
  SuiteResult result;
  result.interrupted = interrupted();
  result.figures = {measured("memory_under_stress", "bytes", stress.memory),
                    measured("memory_delta", "bytes", stress.deltas)};
  if (stress.memory.empty() && !interrupted())
    for (Figure& figure : result.figures) figure.missing = "no prompt could be run";
  StressMeasured m{int64_t(stress_phrases().size()), stress.passed,
                   double(stress.held_after - stress.held_before), std::nullopt,
                   result.interrupted};
  if (stress.first > 0 && stress.last > 0) m.resident_more = double(stress.last - stress.first);
  result.criteria = judge_stress(m);
  return result;
}

SuiteResult run(SuiteContext& context) {
  const SuiteOptions& o = context.options();
  const int64_t n_new = o.generated(16, 2);
  const Backend& backend = *context.model(1, 64).backend;  // loaded before the first reading
  Stress stress;
  stress.held_before = held_bytes(backend);
  for (const RepeatedPhrase& phrase : stress_phrases()) {
    if (interrupted()) break;
    context.progress().show(fmt::format("memory_stress: {}", phrase.phrase.name));
    const Tested t = test(context, phrase, n_new);
    if (!interrupted()) stress.add(phrase, times_of(o, phrase), t);
  }
  stress.held_after = held_bytes(backend);
  SuiteResult result = report(stress);
  const auto average = mean_of(stress.memory);
  result.details = {
      {"prompts", prompt_source(context)},
      {"generated_tokens", n_new},
      {"passed", stress.passed},
      {"max_bytes", stress.largest()},
      {"average_bytes", average ? OrderedJson(*average) : OrderedJson(nullptr)},
      {"note", fmt::format("prompts may go beyond the {} positions that the model was made for: "
                           "memory is tested, not text",
                           context.checkpoint().config().max_positions)},
      {"tests", stress.tests}};
  return result;
}

SuiteCost cost(const SuiteOptions& o, const ModelConfig&) {
  SuiteCost cost;
  for (const RepeatedPhrase& phrase : stress_phrases()) {
    const int64_t tokens = stated_tokens(phrase.phrase.text) * times_of(o, phrase);
    cost.prefill_tokens += tokens, cost.decode_steps += o.generated(16, 2);
    cost.capacity = std::max(cost.capacity, tokens + o.generated(16, 2));
  }
  return cost;
}

}  // namespace

std::vector<Criterion> judge_stress(const StressMeasured& m) {
  return {judge_all("all_tests", "every prompt fits and runs", m.passed, m.prompts, m.interrupted),
          judge({"backend_memory_kept", Bound::kAtMost, 0, "0 B after all prompts", m.held_more,
                 "by the backend's own counters", "bytes"}),
          judge({"memory_kept", Bound::kAtMost, 80e6, "80 MB after all prompts", m.resident_more,
                 "a 64 MiB mapping of the CPU backend goes back as a whole", "bytes"})};
}

Suite memory_stress_suite() {
  return {
      "memory_stress",
      "memory,system",
      "memory before, during and after three very long prompts",
      "Three phrases, repeated 100, 50 and 200 times (a tenth of that with --quick), are each read "
      "as "
      "one prompt and answered with a few tokens in a session of their own. The resident set of "
      "the process is read before, with the session alive, and after. A prompt that does not fit "
      "is recorded with its error. Passes when all run, the backend holds nothing more than "
      "before, "
      "and the process at most 80 MB.",
      run,
      cost};
}

}  // namespace qwench::bench
