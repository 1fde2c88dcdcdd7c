// The rows of the registry: names, types, and what is done how often.
#include "bench/suites/machine_suites.h"

#include "bench/machine/host.h"

namespace qwench::bench {

int threads_of(const SuiteContext& context) {
  return threads_or_default(context.options().model.threads);
}

Suite storage_suite() {
  return {"storage", "hardware,memory", "Reading and loading the model's files, cold and warm",
          "Sequential and random reads of the weight files from the page cache, and after the "
          "cache was asked to forget them and did; then whole loads, split into reading and "
          "import. Excluded: the first warm read.",
          storage};
}

Suite memory_bandwidth_suite() {
  return {"memory_bandwidth", "hardware,memory",
          "Read, write, copy and triad by level of the memory",
          "Working sets of half of every cache and of four times the largest; one thread and "
          "all; the fastest of several kernels, after a race that is not counted. Decode's "
          "share of it is of a short decode of the model.",
          memory_bandwidth};
}

Suite access_pattern_suite() {
  return {"access_pattern", "hardware,memory", "Latency by level, and the price of not reading on",
          "One thread follows a random circle through every working set, then reads main memory"
          " in order, in strides of 64 B to 4 KiB, and at independent random places, some 2 ms "
          "each time.",
          access_pattern};
}

Suite tensor_overhead_suite() {
  return {"tensor_overhead", "hardware", "Everything around the arithmetic",
          "Dispatch of an op of eight numbers with and without the profiler, memory traffic of "
          "the backend, waking of a thread team, sampling, tokenizer. Means over many calls "
          "after one that is not counted.",
          tensor_overhead};
}

Suite suitability_suite() {
  return {"suitability", "hardware,comparative", "Which released models this machine can serve",
          "The kernels of every weight type are timed on random matrices larger than the "
          "caches; speeds of all shape cards are predicted from that and their sizes.",
          suitability};
}

Suite document_pipeline_suite() {
  return {"document_pipeline", "system,scenario",
          "Classifying, summarising, extracting, writing code",
          "Synthetic documents from a seed, one at a time, greedy, a fixed number of tokens; up"
          " to 20 of each pile or two seconds are measured, the pile is extrapolated.",
          document_pipeline};
}

Suite retrieval_suite() {
  return {"retrieval", "system,scenario",
          "Embedding, vector search, and answers with what was found",
          "Mean-pooled hidden states of up to 64 chunks among 1000 vectors, brute-force search,"
          " answers with 2 and with 8 chunks of context; embedding 1000 chunks is extrapolated.",
          retrieval};
}

}  // namespace qwench::bench
