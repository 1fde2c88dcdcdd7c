// Appending is one write of one line, so that what can be torn is the last line only.
#include "bench/suites/journal.h"

#include <filesystem>

#include "bench/suites/report.h"
#include "bench/support/append_log.h"
#include "bench/support/output.h"
#include "engine/base/check.h"
#include "engine/base/file.h"

namespace qwench::bench {

namespace {

constexpr int64_t kMostBytes = int64_t(1) << 30;

/// The configuration and the result of one line; Error when it is not one.
struct Line {
  std::string config_hash;
  OrderedJson suite;
};

Line parse_line(const std::string& text, const std::string& where) {
  JsonLimits limits;
  limits.max_bytes = int64_t(text.size());
  const Json json = parse_json(text, where, limits);
  if (!json.is_object()) fail("{}: expected an object, got {}", where, describe(json));
  Line line;
  line.config_hash = read_string(json, "config_hash", where);
  if (!has(json, "result")) fail("{}: expected a result, got none", where);
  check_suite_json(json.at("result"), where);
  line.suite = OrderedJson::parse(text).at("result");  // with the order of its keys
  return line;
}

}  // namespace

Journal::Journal(std::string path, std::string config_hash, bool resume)
    : path_(std::move(path)), config_hash_(std::move(config_hash)) {
  std::error_code ignored;
  if (resume && std::filesystem::exists(path_, ignored))
    read();
  else
    write_text_file(path_, "");
}

void Journal::read() {
  const std::string text = read_file(path_, kMostBytes);
  size_t whole = 0;  // bytes of lines that are complete
  int64_t number = 0;
  while (whole < text.size()) {
    const size_t end = text.find('\n', whole);
    const std::string where = fmt::format("{}:{}", path_, ++number);
    const bool last = end == std::string::npos || end + 1 == text.size();
    try {
      if (end == std::string::npos)
        fail("{}: expected the end of the line, got that of the file", where);
      Line line = parse_line(text.substr(whole, end - whole), where);
      const std::string suite = line.suite.at("suite");
      if (line.config_hash == config_hash_) finished_[suite] = std::move(line.suite);
    } catch (const Error& error) {
      if (!last) throw;
      note(fmt::format("{}: the last line is torn ({} bytes): its suite runs again", path_,
                       text.size() - whole));
      write_text_file(path_, text.substr(0, whole));
      return;
    }
    whole = end + 1;
  }
}

const OrderedJson* Journal::find(const std::string& suite) const {
  const auto at = finished_.find(suite);
  return at == finished_.end() ? nullptr : &at->second;
}

void Journal::append(const OrderedJson& suite) {
  AppendLog(path_).append(
      {{"schema_version", kSuitesSchemaVersion}, {"config_hash", config_hash_}, {"result", suite}});
}

}  // namespace qwench::bench
