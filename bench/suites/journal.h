// Finished suites, one JSON line each, written as they finish: a crash costs the suite that was running.
#pragma once
#include <map>
#include <string>

#include "engine/base/json.h"

namespace qwench::bench {

class Journal {
 public:
  /// Starts over, or (`resume`) reads what is there: lines of another configuration are kept but not used.
  /// A last line that is cut off is said on stderr and dropped. Error naming file and line where another
  /// line is no result.
  Journal(std::string path, std::string config_hash, bool resume);

  /// The result of a suite under this configuration; null where there is none.
  const OrderedJson* find(const std::string& suite) const;
  /// Written and synchronised when it returns; Error when that fails.
  void append(const OrderedJson& suite);

 private:
  void read();

  std::string path_, config_hash_;
  std::map<std::string, OrderedJson> finished_;
};

}  // namespace qwench::bench
