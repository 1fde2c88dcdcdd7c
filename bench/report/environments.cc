// Loads and times differ in every run and are no part of an environment.
#include "bench/report/environments.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/format_bytes.h"

namespace qwench::bench::report {

namespace {

/// Number or text as text; "" where there is neither.
std::string said(const std::optional<Field>& field) {
  if (!field) return {};
  if (field->json().is_string()) return field->text();
  return field->json().is_number() ? display(field->number())
                                   : printable_text(field->json().dump());
}

std::vector<std::string> items_of(const std::vector<Lines>& environments) {
  std::vector<std::string> items;
  for (const Lines& lines : environments)
    for (const auto& [what, value] : lines)
      if (std::find(items.begin(), items.end(), what) == items.end()) items.push_back(what);
  return items;
}

}  // namespace

Lines environment_lines(const Field& root) {
  Lines lines;
  const std::optional<Field> environment = root.find("environment");
  if (!environment) return lines;
  const auto add = [&](const char* what, const std::optional<Field>& block, const char* key) {
    if (!block || !block->json().is_object()) return;
    const std::string value = said(block->find(key));
    if (!value.empty()) lines.emplace_back(what, value);
  };
  const auto os = environment->find("os"), cpu = environment->find("cpu"),
             tool = environment->find("tool");
  add("system", os, "name"), add("kernel", os, "kernel"), add("machine", os, "machine");
  add("processor", cpu, "model"), add("physical cores", cpu, "physical_cores");
  add("logical cores", cpu, "logical_cores"), add("instruction sets", cpu, "isa");
  add("governor", cpu, "governor"), add("virtual machine", cpu, "virtual_machine");
  if (const auto ram = environment->find_number("ram_bytes"))
    lines.emplace_back("memory", format_bytes(int64_t(*ram)));
  add("program", tool, "version"), add("commit", tool, "git_hash");
  add("build", tool, "program_hash"), add("build type", tool, "build_type");
  add("compiler", tool, "compiler"), add("flags", tool, "flags");
  return lines;
}

std::string line_of(const Lines& lines, std::string_view what) {
  for (const auto& [name, value] : lines)
    if (name == what) return value;
  return {};
}

std::string differing_items(const std::vector<Lines>& environments) {
  std::string text;
  for (const std::string& item : items_of(environments)) {
    const std::string first = line_of(environments.front(), item);
    const bool differ =
        std::any_of(environments.begin(), environments.end(),
                    [&](const Lines& lines) { return line_of(lines, item) != first; });
    if (differ) text += (text.empty() ? "" : ", ") + item;
  }
  return text;
}

Section environment_section(const std::vector<Lines>& environments) {
  Section section{"environment", "Test environment", {text_column("item")}};
  for (size_t i = 0; i < environments.size(); ++i)
    section.columns.push_back(
        text_column(environments.size() == 1 ? "value" : fmt::format("environment {}", i + 1)));
  for (const std::string& item : items_of(environments)) {
    std::vector<Cell> cells = {item};
    for (const Lines& lines : environments) cells.push_back(text_cell(line_of(lines, item)));
    section.add(std::move(cells));
  }
  if (environments.size() > 1)
    section.notes.push_back(
        fmt::format("The results differ in {}: a difference between them need not be one of the "
                    "configurations, and speeds of two environments are not ranked.",
                    differing_items(environments)));
  return section;
}

}  // namespace qwench::bench::report
