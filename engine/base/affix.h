// Beginnings and ends of texts, which std::string_view asks for from C++20 on.
#pragma once
#include <string_view>

namespace qwench {

constexpr bool starts_with(std::string_view text, std::string_view begin) {
  return text.substr(0, begin.size()) == begin;
}

constexpr bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace qwench
