// Strict JSON: the document is built by our own SAX handler, which sees every key (duplicates) and
// every level (depth) before the library does anything with them. No exception of the library
// leaves.
#include "engine/base/json.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/file.h"
#include "engine/base/foreign_content.h"

namespace qwench {
namespace {

std::string printable(std::string_view text, size_t limit) {
  std::string out;
  for (const char c : text.substr(0, limit)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return text.size() > limit ? out + "..." : out;
}

/// Builds a Json value, or with `take` one member of the outermost object after the other. Containers
/// are addressed by a stack of pointers: a pointer stays valid while it is on the stack, because
/// nothing is added to its parent before it is popped.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view where, const JsonLimits& limits, const TakeMember* take = nullptr)
      : where_(where), limits_(limits), take_(take) {}
  Json take() { return std::move(root_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool v) override { return put(v); }
  bool number_integer(number_integer_t v) override { return put(v); }
  bool number_unsigned(number_unsigned_t v) override { return put(v); }
  bool number_float(number_float_t v, const string_t& text) override {
    if (!std::isfinite(v)) fail("{}: number {} does not fit in a double", where_, in_quotes(text));
    return put(v);
  }
  bool string(string_t& v) override { return put(std::move(v)); }
  bool binary(binary_t&) override { return false; }  // not in text JSON
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (take_ && stack_.size() == 1) {
      name_ = std::move(name), member_ = &held_;
      return true;
    }
    auto& members = stack_.back()->get_ref<Json::object_t&>();
    const auto [place, added] = members.try_emplace(name);
    if (!added) fail("{}: key {} appears twice in one object", where_, in_quotes(name));
    member_ = &place->second;
    return true;
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    std::string reason = error.what();  // "[json.exception.parse_error.101] parse error at ..."
    const size_t prefix = reason.find("] ");
    if (prefix != std::string::npos) reason.erase(0, prefix + 2);
    fail("{}: not valid JSON at byte {}: {}", where_, position, printable(reason, 200));
  }

 private:
  Json* slot(Json&& value) {
    if (stack_.empty()) return &(root_ = std::move(value));
    if (member_) {
      *member_ = std::move(value);
      return std::exchange(member_, nullptr);
    }
    return &stack_.back()->get_ref<Json::array_t&>().emplace_back(std::move(value));
  }
  void count() {
    if (++n_values_ > limits_.max_values)
      fail("{}: expected at most {} values{}, got more", where_, limits_.max_values,
           take_ ? " in a member" : "");
  }
  bool put(Json value) {
    if (take_ && stack_.empty()) fail("{}: expected an object, got {}", where_, describe(value));
    count();
    slot(std::move(value));
    return hand_over();
  }
  bool open(Json container) {
    if (int(stack_.size()) >= limits_.max_depth)
      fail("{}: nested deeper than {} levels", where_, limits_.max_depth);
    if (take_ && stack_.empty() && !container.is_object())
      fail("{}: expected an object, got an array", where_);
    count();
    stack_.push_back(slot(std::move(container)));
    return true;
  }
  bool close() {
    stack_.pop_back();
    return hand_over();
  }
  /// A value is complete: when it is a member of the outermost object, that is taken.
  bool hand_over() {
    if (!take_ || stack_.size() != 1) return true;
    (*take_)(std::move(name_), held_);
    held_ = nullptr, n_values_ = 0;
    return true;
  }

  std::string_view where_;
  const JsonLimits& limits_;
  const TakeMember* take_;
  std::string name_;  // of the member that is being read
  Json root_, held_;
  int64_t n_values_ = 0;
  std::vector<Json*> stack_;
  Json* member_ = nullptr;  // where the value of the last key goes
};

const Json& member(const Json& object, std::string_view key, std::string_view where) {
  if (!object.is_object()) fail("{}: expected an object, got {}", where, describe(object));
  const auto found = object.find(key);
  if (found == object.end()) fail("{}: key {} is missing", where, in_quotes(key));
  return *found;
}

void parse(std::string_view bytes, std::string_view where, const JsonLimits& limits,
           Builder& builder) {
  if (int64_t(bytes.size()) > limits.max_bytes)
    fail("{}: expected at most {} bytes of JSON, got {}", where, limits.max_bytes, bytes.size());
  const std::string foreign = foreign_content(bytes, Expected::kText);
  if (!foreign.empty()) fail("{}: expected JSON, got {}", where, foreign);
  const size_t nul = bytes.find('\0');  // the library takes NUL for the end of the text
  if (nul != std::string_view::npos) fail("{}: NUL at byte {} of the JSON text", where, nul);
  try {
    if (!Json::sax_parse(bytes.begin(), bytes.end(), &builder)) fail("{}: not valid JSON", where);
  } catch (const Json::exception& error) {
    fail("{}: not valid JSON: {}", where, error.what());
  }
}

}  // namespace

Json parse_json(std::string_view bytes, std::string_view where, const JsonLimits& limits) {
  Builder builder(where, limits);
  parse(bytes, where, limits, builder);
  return builder.take();
}

void parse_json_members(std::string_view bytes, std::string_view where, const JsonLimits& limits,
                        const TakeMember& take) {
  Builder builder(where, limits, &take);
  parse(bytes, where, limits, builder);
}

Json parse_json_file(const std::string& path, const JsonLimits& limits) {
  return parse_json(read_file(path, limits.max_bytes), path, limits);
}

int64_t read_int(const Json& object, std::string_view key, int64_t min, int64_t max,
                 std::string_view where) {
  return as_int(member(object, key, where), key, min, max, where);
}

int64_t as_int(const Json& value, std::string_view name, int64_t min, int64_t max,
               std::string_view where) {
  bool in_range = value.is_number_integer();
  if (value.is_number_unsigned()) in_range = value.get<uint64_t>() <= uint64_t(INT64_MAX);
  const int64_t n = in_range ? value.get<int64_t>() : 0;
  if (!in_range || n < min || n > max)
    fail("{}: expected an integer from {} to {}, got {} ({})", name, min, max, describe(value),
         where);
  return n;
}

double read_number(const Json& object, std::string_view key, double min, double max,
                   std::string_view where) {
  const Json& value = member(object, key, where);
  const double x = value.is_number() ? value.get<double>() : NAN;
  if (!(x >= min && x <= max))  // also false for NaN
    fail("{}: expected a number from {} to {}, got {} ({})", key, min, max, describe(value), where);
  return x;
}

bool read_bool(const Json& object, std::string_view key, bool fallback, std::string_view where) {
  if (!has(object, key)) return fallback;
  const Json& value = member(object, key, where);
  if (!value.is_boolean())
    fail("{}: expected true or false, got {} ({})", key, describe(value), where);
  return value.get<bool>();
}

std::string read_string(const Json& object, std::string_view key, std::string_view where) {
  const Json& value = member(object, key, where);
  if (!value.is_string()) fail("{}: expected a string, got {} ({})", key, describe(value), where);
  return value.get<std::string>();
}

bool has(const Json& object, std::string_view key) {
  if (!object.is_object()) return false;
  const auto found = object.find(key);
  return found != object.end() && !found->is_null();
}

std::string in_quotes(std::string_view text) { return "'" + printable(text, 80) + "'"; }

std::string name_list(const std::vector<std::string>& names) {
  constexpr size_t kNamed = 6;
  std::string out;
  for (size_t i = 0; i < std::min(names.size(), kNamed); ++i)
    out += (i ? ", " : "") + in_quotes(names[i]);
  return names.size() > kNamed ? fmt::format("{} and {} more", out, names.size() - kNamed) : out;
}

std::string describe(const Json& value) {
  switch (value.type()) {
    case Json::value_t::object: return "an object";
    case Json::value_t::array: return fmt::format("an array of {}", value.size());
    case Json::value_t::string: return in_quotes(value.get_ref<const std::string&>());
    default: return value.dump();  // null, true, a number: short and without text from outside
  }
}

}  // namespace qwench
