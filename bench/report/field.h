// A value inside a result file that knows where it is, so that whatever is wrong with it is said with
// file, key, what was expected and what was found.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench::report {

/// Borrows the document. Every read throws Error on a value of another kind.
class Field {
 public:
  Field(const Json& value, std::string file, std::string path = {});

  /// A member; Error when there is none.
  Field at(std::string_view key) const;
  /// A member; nothing when there is none or it is null.
  std::optional<Field> find(std::string_view key) const;
  std::vector<Field> items() const;
  std::vector<std::pair<std::string, Field>> members() const;

  double number() const;  // finite, as JSON's are
  double bytes() const;   // 0 to 1e18
  int64_t integer() const;
  bool flag() const;
  /// Without control characters, at most 500 bytes: it goes to terminals, pages and plots.
  std::string text() const;

  std::optional<double> find_number(std::string_view key) const;
  /// "" when there is none.
  std::string find_text(std::string_view key) const;
  /// `fallback` where there is no such key.
  bool find_flag(std::string_view key, bool fallback = false) const;

  const Json& json() const { return *value_; }
  const std::string& file() const { return file_; }
  [[noreturn]] void refuse(std::string_view expected) const;

 private:
  const Json* value_;
  std::string file_, path_;
};

/// The text without control characters (they become '?'), cut after 500 bytes.
std::string printable_text(std::string_view text);

}  // namespace qwench::bench::report
