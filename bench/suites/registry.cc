// Every suite, in the order in which `all` runs them.
#include "bench/suites/suite.h"

namespace qwench::bench {

const std::vector<Suite>& suites() {
  static const std::vector<Suite> list = {};
  return list;
}

}  // namespace qwench::bench
