// A log: a file of one JSON document a line that only grows. What was appended survives a kill, a full
// disk and a power cut.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench {

/// The documents of the file; none where there is no file. A line that is no JSON, such as the last one of
/// a program that was killed, is named on stderr and left out. Error where the file cannot be read.
std::vector<Json> read_append_log(const std::string& path);

/// Writes the line at the end of the file of a descriptor and syncs it. Error naming `path` when that fails;
/// what was written of the line is taken back.
void append_line(int descriptor, std::string_view line, const std::string& path);

class AppendLog {
 public:
  /// Opens for appending; Error. A torn last line is ended, and stays.
  explicit AppendLog(const std::string& path);
  AppendLog(const AppendLog&) = delete;
  AppendLog& operator=(const AppendLog&) = delete;
  ~AppendLog();

  /// Returns when the line is on the disk; Error when it is not.
  void append(const OrderedJson& document);

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace qwench::bench
