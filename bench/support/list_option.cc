// Parsing by from_chars: no locale, no sign, no blanks, nothing left over.
#include "bench/support/list_option.h"

#include <algorithm>
#include <charconv>

#include "engine/base/check.h"

namespace qwench::bench {

namespace {
int64_t parse_item(std::string_view item, std::string_view option, int64_t min, int64_t max) {
  int64_t value = 0;
  const char* end = item.data() + item.size();
  const auto [stopped, problem] = std::from_chars(item.data(), end, value);
  if (item.empty() || problem == std::errc::invalid_argument || stopped != end)
    fail_usage("{}: expected integers separated by commas, got '{}'", option, item);
  if (problem == std::errc::result_out_of_range || value < min || value > max)
    fail_usage("{}: expected {} to {}, got {}", option, min, max, item);
  return value;
}
}  // namespace

std::vector<int64_t> parse_list(std::string_view text, std::string_view option, int64_t min,
                                int64_t max) {
  std::vector<int64_t> values;
  if (text.empty()) return values;
  for (size_t start = 0; start <= text.size();) {
    const size_t comma = std::min(text.find(',', start), text.size());
    values.push_back(parse_item(text.substr(start, comma - start), option, min, max));
    start = comma + 1;
  }
  return values;
}

std::vector<int64_t> parse_axis(std::string_view text, std::string_view option, int64_t min,
                                int64_t max) {
  std::vector<int64_t> values = parse_list(text, option, min, max);
  if (values.empty()) fail_usage("{}: expected at least one integer, got nothing", option);
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

}  // namespace qwench::bench
