// What the device and the page cache give of the model's own files, and what loading makes of it.
#include <algorithm>

#include "bench/machine/host.h"
#include "bench/suites/criteria.h"
#include "bench/suites/machine_suites.h"
#include "bench/suites/timed_checkpoint.h"
#include "bench/suites/weight_files.h"
#include "bench/support/interrupt.h"
#include "bench/support/table.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

constexpr int64_t kMiB = int64_t(1) << 20;
constexpr const char* kRates[] = {"sequential_read", "random_1mib_read"};

/// What is known of one load; times in nanoseconds.
struct Load {
  double total = 0, read = 0;
  int64_t peak_rss = 0, rss_before = 0, weights = 0;
};

class StorageSuite {
 public:
  explicit StorageSuite(SuiteContext& context) : context_(context) {}

  SuiteResult run() {
    const ModelOptions& model = context_.options().model;
    const Checkpoint& checkpoint = context_.checkpoint();
    if (checkpoint.is_random()) return without_file();
    files_ = open_weight_files(checkpoint.path());
    if (files_.empty()) files_ = open_weight_files(model.model);
    if (files_.empty()) return none_of("the model has no weight file of its own");
    describe();
    reads();
    loads();
    judge();
    found_.result.interrupted = interrupted();
    return std::move(found_.result);
  }

 private:
  bool quick() const { return context_.options().quick; }

  SuiteResult without_file() {
    SuiteResult result = none_of("a shape card has no file");
    result.details["files"] = OrderedJson::array();
    return result;
  }

  SuiteResult none_of(const std::string& why) {
    for (const char* state : {"warm", "cold"}) no_reads(state, why), no_load(state, why);
    judge();
    return std::move(found_.result);
  }

  void no_reads(const std::string& state, const std::string& why) {
    for (const char* name : kRates) found_.missing(std::string(name) + "_" + state, "B/s", why);
    found_.missing("random_4kib_latency_" + state, "ns", why);
  }

  void no_load(const std::string& state, const std::string& why) {
    for (const char* part : {"load", "load_read", "load_import"})
      found_.missing(std::string(part) + "_" + state, "ns", why);
  }

  void describe() {
    OrderedJson list = OrderedJson::array();
    for (const File& file : files_) {
      const std::string name = file.path().substr(file.path().find_last_of('/') + 1);
      list.push_back({{"name", name}, {"bytes", file.size()}});
      bytes_ += file.size();
    }
    most_ = std::min(bytes_, (quick() ? 32 : 512) * kMiB);
    found_.result.details["files"] = std::move(list);
    found_.result.details["storage"] = storage_device(files_.front().path());
    found_.result.details["bytes"] = bytes_;
    found_.result.details["bytes_read_in_order"] = most_;
    if (host().virtual_machine.value_or(false))
      found_.result.details["note"] =
          "a virtual machine: what is cold here may be warm in the cache of the host";
  }

  void reads() {
    const int64_t runs = quick() ? 2 : context_.options().runs;
    context_.progress().show("reading the model's files");
    read_sequentially(files_, most_);  // into the cache
    std::vector<double> rates;
    for (int64_t i = 0; i < runs && !interrupted(); ++i) rates.push_back(rate());
    found_.measured("sequential_read_warm", "B/s", rates);
    random("warm");
    cold_refusal_ = drop_from_cache(files_);
    if (!cold_refusal_.empty()) return no_reads("cold", cold_refusal_);
    rates.clear();
    for (int64_t i = 0; i < runs && !interrupted(); ++i) {
      drop_from_cache(files_);
      rates.push_back(rate());
    }
    found_.measured("sequential_read_cold", "B/s", rates);
    random("cold");
  }

  double rate() {
    const Reading reading = read_sequentially(files_, most_);
    return double(reading.bytes) / std::max(reading.seconds, 1e-9);
  }

  void random(const std::string& state) {
    const double seconds = quick() ? 0.1 : 1;
    if (state == "cold") drop_from_cache(files_);
    std::vector<double> ns = read_randomly(files_, 4096, quick() ? 200 : 1000, seconds);
    for (double& t : ns) t *= 1e9;
    found_.measured("random_4kib_latency_" + state, "ns", std::move(ns));
    if (state == "cold") drop_from_cache(files_);
    std::vector<double> rates = read_randomly(files_, kMiB, 100, seconds);
    for (double& t : rates) t = double(kMiB) / std::max(t, 1e-9);
    if (rates.empty())
      found_.missing("random_1mib_read_" + state, "B/s", "every file is smaller than 1 MiB");
    else
      found_.measured("random_1mib_read_" + state, "B/s", std::move(rates));
  }

  Load load() {
    const ModelOptions& model = context_.options().model;
    LoadOptions options = load_options(model);
    Load load;
    load.rss_before = rss_bytes();
    options.progress = [&](const LoadProgress&) {
      load.peak_rss = std::max(load.peak_rss, rss_bytes());
    };
    const std::unique_ptr<Backend> backend = make_backend(model, threads_of(context_));
    const int64_t start = now_ns();
    const std::unique_ptr<Checkpoint> opened = open_model(model);
    const int64_t headers = now_ns() - start;
    const TimedCheckpoint timed(*opened);
    const Weights weights = load_weights(timed, *backend, options);
    load.total = double(now_ns() - start);
    load.read = double(timed.read_ns() + headers);
    load.weights = backend->memory().now[size_t(MemoryKind::kWeights)];
    return load;
  }

  void loads() {
    const int64_t needed = planned_weight_bytes(context_.options().model, context_.checkpoint());
    const int64_t available = available_memory_bytes();
    if (needed > available) {
      const std::string why = fmt::format("expected {} for the weights, got {} available",
                                          format_bytes(needed), format_bytes(available));
      for (const char* state : {"warm", "cold"}) no_load(state, why);
      return;
    }
    load_several("warm");
    if (cold_refusal_.empty())
      load_several("cold");
    else
      no_load("cold", cold_refusal_);
  }

  void load_several(const std::string& state) {
    constexpr int64_t kEnoughNs = 4'000'000'000;
    const int64_t runs = quick() ? 2 : std::max<int64_t>(context_.options().runs, 1);
    std::vector<double> total, read, import;
    if (state == "warm") read_sequentially(files_, bytes_);
    const int64_t begin = now_ns();
    for (int64_t i = 0; i < runs && !interrupted() && now_ns() - begin < kEnoughNs; ++i) {
      context_.progress().show(fmt::format("{} load {}/{}", state, i + 1, runs));
      if (state == "cold") drop_from_cache(files_);
      const Load l = load();
      total.push_back(l.total), read.push_back(l.read), import.push_back(l.total - l.read);
      if (!growth_ && l.rss_before) growth_ = l.peak_rss - l.rss_before;
      found_.result.details["weights_bytes"] = l.weights;
    }
    found_.measured("load_" + state, "ns", total);
    found_.measured("load_read_" + state, "ns", read);
    found_.measured("load_import_" + state, "ns", import);
  }

  void judge() {
    if (!growth_)
      found_.missing("loading_memory", "bytes", "no load was measured");
    else if (*growth_ <= 0)
      found_.missing("loading_memory", "bytes", "the process reused memory that it had already");
    else
      found_.measured("loading_memory", "bytes", {double(*growth_)});
    judge_storage(found_);
  }

  SuiteContext& context_;
  SuiteFindings found_;
  std::vector<File> files_;
  std::optional<int64_t> growth_;  // bytes that the process grew by in the first load, at most
  int64_t bytes_ = 0, most_ = 0;
  std::string cold_refusal_;
};

}  // namespace

void judge_storage(SuiteFindings& found) {
  // An NVMe device is what the guide names; what is asked of it here is asked of any device.
  found.at_least("sequential_read_cold", "> 500 MB/s", 500e6);
  found.at_most("load_cold", "< 60 s", 60e9);
}

SuiteResult storage(SuiteContext& context) { return StorageSuite(context).run(); }

}  // namespace qwench::bench
