// A file that was being written has the name that it would have got, and an end that nobody can foresee.
#include "bench/quantize/own_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

namespace qwench::bench {

namespace {

bool is_digits(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// "model-00002-of-00004.safetensors".
bool is_part(const std::string& name) {
  const std::string begin = "model-", middle = "-of-", end = ".safetensors";
  const size_t of = name.find(middle);
  if (name.rfind(begin, 0) != 0 || of == name.npos || name.size() < of + middle.size() + end.size())
    return false;
  const size_t last = name.size() - end.size(), second = of + middle.size();
  return name.compare(last, end.size(), end) == 0 && last > second && of > begin.size() &&
         is_digits(name.substr(begin.size(), of - begin.size())) &&
         is_digits(name.substr(second, last - second));
}

bool is_own(const std::string& name) {
  const std::string whole = name.substr(0, name.find(".part-"));
  if (is_part(whole)) return true;
  for (const char* own : {"config.json", "model.safetensors.index.json", "quantize.json"})
    if (whole == own) return true;
  const std::vector<std::string>& text = text_file_names();
  return std::find(text.begin(), text.end(), whole) != text.end();
}

}  // namespace

const std::vector<std::string>& text_file_names() {
  static const std::vector<std::string> names = {"generation_config.json",
                                                 "tokenizer.json",
                                                 "tokenizer_config.json",
                                                 "vocab.json",
                                                 "merges.txt",
                                                 "added_tokens.json",
                                                 "special_tokens_map.json",
                                                 "chat_template.jinja",
                                                 "chat_template.json",
                                                 "qwen.tiktoken",
                                                 "tokenizer.model"};
  return names;
}

std::vector<std::string> foreign_files(const std::string& folder) {
  std::vector<std::string> foreign;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!is_own(name) || entry.is_directory(ignored)) foreign.push_back(name);
  }
  std::sort(foreign.begin(), foreign.end());
  return foreign;
}

std::string some_of(const std::vector<std::string>& names) {
  constexpr size_t kMost = 3;
  const std::vector<std::string> first(
      names.begin(), names.begin() + std::ptrdiff_t(std::min(names.size(), kMost)));
  return fmt::format("{}{}", fmt::join(first, ", "),
                     names.size() > kMost ? fmt::format(" and {} more", names.size() - kMost) : "");
}

}  // namespace qwench::bench
