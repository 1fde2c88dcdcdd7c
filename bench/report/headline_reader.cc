// The guides' benchmark_results.json, as `bench --benchmark-type` writes it beside its full results: a
// handful of figures without samples. Rates and memory are medians, latency is a mean: they stand in
// tables of their own.
#include <fmt/format.h>

#include "bench/report/collected.h"

namespace qwench::bench::report {

namespace {

struct Figure {
  const char *block, *key, *name, *unit;
  double factor;  // to the unit
};
constexpr Figure kFigures[] = {{"throughput", "samples_per_second", "throughput", "samples/s", 1},
                               {"throughput", "tokens_per_second", "throughput", "tokens/s", 1},
                               {"throughput", "total_time", "time of all samples", "s", 1},
                               {"throughput", "total_samples", "samples", "count", 1},
                               {"memory", "allocated", "memory allocated", "bytes", 1e9},
                               {"memory", "max", "peak memory of the process", "bytes", 1e9}};

void add_figures(const Field& root, const std::string& model, Collected& to) {
  Section like{
      "headline",
      "Headline figures",
      {text_column("model"), text_column("figure"), row_unit_column("value"), text_column("unit")}};
  like.unit_column = 3;
  for (const Figure& f : kFigures) {
    const std::optional<double> value = root.at(f.block).find_number(f.key);
    const Cell cell = cell_of(value ? std::optional<double>(*value * f.factor) : value,
                              "the suite of this figure did not run");
    to.section(like).add({model, f.name, cell, f.unit});
    to.headlines.push_back({fmt::format("{}: {}", model, f.name), f.unit, cell});
  }
}

void add_latency(const Field& root, const std::string& model, Collected& to) {
  std::vector<Cell> cells = {model};
  for (const char* key : {"mean", "std", "min", "max"})
    cells.push_back(cell_of(root.at("latency").find_number(key), "the suite latency did not run"));
  to.section({"headline_latency",
              "Headline latency of an answer",
              {text_column("model"), number_column("mean", "s"), number_column("std", "s"),
               number_column("min", "s"), number_column("max", "s")}})
      .add(std::move(cells));
}

}  // namespace

void read_headline(const Field& root, size_t source, Collected& to) {
  const std::string name = root.at("model_name").text();
  const std::string model = name.empty() ? "model" : name;
  add_figures(root, model, to);
  add_latency(root, model, to);
  to.notes.push_back(fmt::format(
      "{}: holds a few figures and no criteria; all_benchmark_results.json beside it has the rest",
      to.sources[source].file));
}

}  // namespace qwench::bench::report
