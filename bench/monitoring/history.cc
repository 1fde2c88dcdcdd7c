// O_APPEND and a lock: the end of the file is ours. A line without its line break is one that was cut off.
#include "bench/monitoring/history.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bench/support/append_log.h"
#include "bench/support/output.h"
#include "bench/support/utc.h"
#include "engine/base/check.h"
#include "engine/base/file.h"

namespace qwench::bench {

namespace {

constexpr int64_t kMostBytes = 256 << 20;
constexpr size_t kMostNotes = 5;

int open_to_append(const std::string& path) {
  // O_NONBLOCK: opening a pipe must fail below, not wait for its other end.
  const int flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK;
  const int descriptor = ::open(path.c_str(), flags, 0644);
  if (descriptor < 0)
    fail("--history {}: expected a file to append to, got: {}", path, std::strerror(errno));
  struct stat status = {};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  const bool locked =
      regular && (::flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK);
  if (locked) return descriptor;
  ::close(descriptor);
  if (!regular) fail("--history {}: expected a regular file", path);
  fail("--history {}: another monitor is writing it; give each a file of its own", path);
}

OrderedJson number_of(const Json& object, const char* key, const std::string& where) {
  if (!has(object, key)) return nullptr;
  return read_number(object, key, -1e18, 1e18, where);
}

MonitorSample parse_sample(const Json& line, const std::string& where) {
  MonitorSample sample;
  sample.response_ns = read_int(line, "response_time_ns", 1, INT64_MAX, where);
  sample.tokens = read_int(line, "tokens_generated", 0, int64_t(1) << 40, where);
  const OrderedJson percent = number_of(line, "memory_usage_percent", where);
  if (!percent.is_null()) sample.memory_usage_percent = percent.get<double>();
  if (has(line, "memory_available_bytes"))
    sample.memory_available_bytes = read_int(line, "memory_available_bytes", 0, INT64_MAX, where);
  if (has(line, "energy")) sample.energy = line.at("energy");
  return sample;
}

}  // namespace

OrderedJson to_json(const HistoryEntry& entry) {
  OrderedJson json = {{"timestamp", utc_text(entry.unix_ns)},
                      {"model_name", entry.model_name},
                      {"configuration", entry.configuration}};
  if (!entry.sample) {
    json["error"] = entry.error;
    return json;
  }
  const MonitorSample& s = *entry.sample;
  json["response_time_ns"] = s.response_ns;
  json["tokens_generated"] = s.tokens;
  json["tokens_per_second"] = s.tokens_per_second();
  json["memory_usage_percent"] =
      number_or_null(s.memory_usage_percent.value_or(0), s.memory_usage_percent.has_value());
  const bool known = s.memory_available_bytes.has_value();
  json["memory_available_bytes"] = nullptr;
  if (known) json["memory_available_bytes"] = *s.memory_available_bytes;
  json["memory_available_gb"] =
      number_or_null(double(s.memory_available_bytes.value_or(0)) / 1e9, known);
  json["response_time_seconds"] = double(s.response_ns) / 1e9;
  if (!s.energy.is_null()) json["energy"] = s.energy;
  return json;
}

HistoryEntry parse_entry(std::string_view line, const std::string& where) {
  const Json json = parse_json(line, where);
  if (!json.is_object()) fail("{}: expected an object, got {}", where, describe(json));
  HistoryEntry entry;
  const std::string timestamp = read_string(json, "timestamp", where);
  const std::optional<int64_t> ns = parse_utc(timestamp);
  if (!ns)
    fail("{}: timestamp: expected UTC as 2026-01-31T12:00:00Z, got {}", where,
         in_quotes(timestamp));
  entry.unix_ns = *ns;
  if (has(json, "model_name")) entry.model_name = read_string(json, "model_name", where);
  if (has(json, "configuration")) entry.configuration = read_string(json, "configuration", where);
  if (has(json, "error"))
    entry.error = read_string(json, "error", where);
  else
    entry.sample = parse_sample(json, where);
  return entry;
}

History::History(const std::string& path) : path_(path), descriptor_(open_to_append(path)) {
  try {
    read_lines();
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

History::~History() { ::close(descriptor_); }

void History::read_lines() {
  const std::string text = read_file(path_, kMostBytes);
  int64_t number = 0;
  size_t unread = 0, begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    ++number;
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    try {
      entries_.push_back(parse_entry(line, fmt::format("{}:{}", path_, number)));
    } catch (const Error& error) {
      if (unread++ < kMostNotes) notes_.push_back(fmt::format("left out: {}", error.what()));
    }
  }
  if (unread > kMostNotes)
    notes_.push_back(fmt::format("left out: {} more lines of {}", unread - kMostNotes, path_));
  if (begin < text.size()) set_aside(text.substr(begin), int64_t(begin));
}

void History::set_aside(const std::string& torn, int64_t offset) {
  const std::string aside = path_ + ".torn";
  const int descriptor =
      ::open(aside.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644);
  if (descriptor < 0)
    fail("{}: expected a file to keep the torn last line of {} in, got: {}", aside, path_,
         std::strerror(errno));
  try {
    append_line(descriptor, torn + "\n", aside);
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  ::close(descriptor);
  if (::ftruncate(descriptor_, off_t(offset)) != 0)
    fail("{}: expected to cut off its torn last line, got: {}", path_, std::strerror(errno));
  notes_.push_back(fmt::format("{}: its last line was cut off ({} bytes); moved to {}", path_,
                               torn.size(), aside));
}

void History::append(const HistoryEntry& entry) {
  entries_.push_back(entry);
  append_line(descriptor_, to_line(to_json(entry)), path_);
}

}  // namespace qwench::bench
