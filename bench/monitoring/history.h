// The history of a monitor: JSON lines, one for every benchmark or error, appended and never rewritten.
// A line is on disk when append() returns, so that a crash costs the line in progress at most.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench {

/// One quick benchmark.
struct MonitorSample {
  int64_t response_ns = 0, tokens = 0;         // of one answer, prompt included in its time
  std::optional<double> memory_usage_percent;  // of the machine's memory
  std::optional<int64_t> memory_available_bytes;
  OrderedJson energy;  // null: not asked for

  double tokens_per_second() const { return double(tokens) * 1e9 / double(response_ns); }
};

struct HistoryEntry {
  int64_t unix_ns = 0;
  std::string model_name;
  std::optional<MonitorSample> sample;  // none: `error` says why
  std::string error;
  std::string configuration =
      {};  // what else decides over the times; "": an older line does not say
};

/// {"timestamp", "model_name", "configuration", "response_time_ns", "tokens_generated", "tokens_per_second",
/// "memory_usage_percent", "memory_available_bytes", "memory_available_gb", "response_time_seconds",
/// "energy" if asked for}, or {"timestamp", "model_name", "configuration", "error"}.
OrderedJson to_json(const HistoryEntry& entry);

/// Error naming `where` unless it is such a line.
HistoryEntry parse_entry(std::string_view line, const std::string& where);

class History {
 public:
  /// Opens or creates the file and reads it. Lines that are none are passed over and said in notes(); a
  /// last line that a crash cut off is moved to `path`.torn. Error when the file cannot be written, is no
  /// regular file, or another monitor has it open.
  explicit History(const std::string& path);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  const std::vector<HistoryEntry>& entries() const { return entries_; }
  const std::vector<std::string>& notes() const { return notes_; }

  /// Adds the entry here, and its line to the file: one write, then fsync. Error when that fails; what was
  /// written of the line is taken back.
  void append(const HistoryEntry& entry);

 private:
  void read_lines();
  void set_aside(const std::string& torn, int64_t offset);

  std::string path_;
  int descriptor_ = -1;
  std::vector<HistoryEntry> entries_;
  std::vector<std::string> notes_;
};

}  // namespace qwench::bench
