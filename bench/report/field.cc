// Paths read "rows[2].tokens_per_second.median".
#include "bench/report/field.h"

#include <fmt/format.h>

#include <cmath>

#include "engine/base/check.h"

namespace qwench::bench::report {

namespace {
constexpr const char* kFix = "measure again with this program, or mend the file";
}  // namespace

std::string printable_text(std::string_view text) {
  constexpr size_t kMost = 500;
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1 = c == 0xC2 && i + 1 < text.size() &&
                    static_cast<unsigned char>(text[i + 1]) < 0xA0;  // U+0080..U+009F
    if (out.size() >= kMost && (c & 0xC0) != 0x80) return out + "...";
    if (c1) ++i;
    out += c < 0x20 || c == 0x7f || c1 ? '?' : text[i];
  }
  return out;
}

Field::Field(const Json& value, std::string file, std::string path)
    : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

void Field::refuse(std::string_view expected) const {
  fail("{}: {}: expected {}, got {}; {}", file_, path_.empty() ? "the document" : path_, expected,
       describe(*value_), kFix);
}

Field Field::at(std::string_view key) const {
  if (!value_->is_object()) refuse("an object");
  const auto found = value_->find(key);
  const std::string path = (path_.empty() ? "" : path_ + ".") + printable_text(key);
  if (found == value_->end())
    fail("{}: {}: expected a value, found no such key; {}", file_, path, kFix);
  return Field(*found, file_, path);
}

std::optional<Field> Field::find(std::string_view key) const {
  if (!value_->is_object()) refuse("an object");
  if (!has(*value_, key)) return std::nullopt;
  return at(key);
}

std::vector<Field> Field::items() const {
  if (!value_->is_array()) refuse("a list");
  std::vector<Field> list;
  for (const Json& item : *value_)
    list.emplace_back(item, file_, fmt::format("{}[{}]", path_, list.size()));
  return list;
}

std::vector<std::pair<std::string, Field>> Field::members() const {
  if (!value_->is_object()) refuse("an object");
  std::vector<std::pair<std::string, Field>> list;
  for (const auto& [key, value] : value_->items()) list.emplace_back(printable_text(key), at(key));
  return list;
}

double Field::number() const {
  if (!value_->is_number()) refuse("a number");
  const double x = value_->get<double>();
  if (!std::isfinite(x)) refuse("a finite number");
  return x;
}

double Field::bytes() const {
  const double x = number();
  if (!(x >= 0 && x <= 1e18)) refuse("a number of bytes");
  return x;
}

int64_t Field::integer() const {
  if (!value_->is_number_integer() ||
      (value_->is_number_unsigned() && value_->get<uint64_t>() > uint64_t(INT64_MAX)))
    refuse("an integer");
  return value_->get<int64_t>();
}

bool Field::flag() const {
  if (!value_->is_boolean()) refuse("true or false");
  return value_->get<bool>();
}

std::string Field::text() const {
  if (!value_->is_string()) refuse("a text");
  return printable_text(value_->get_ref<const std::string&>());
}

std::optional<double> Field::find_number(std::string_view key) const {
  const std::optional<Field> field = find(key);
  return field ? std::optional<double>(field->number()) : std::nullopt;
}

std::string Field::find_text(std::string_view key) const {
  const std::optional<Field> field = find(key);
  return field ? field->text() : std::string();
}

bool Field::find_flag(std::string_view key, bool fallback) const {
  const std::optional<Field> field = find(key);
  return field ? field->flag() : fallback;
}

}  // namespace qwench::bench::report
