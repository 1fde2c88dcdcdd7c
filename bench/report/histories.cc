// A line says what it is by its members, which each of the three writers keeps.
#include "bench/report/histories.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "bench/report/field.h"
#include "engine/backend/kernel_policy.h"
#include "engine/base/check.h"

namespace qwench::bench::report {

namespace {

enum class LineKind : unsigned char { kMonitor, kSuite, kSample };

std::optional<LineKind> kind_of(const Json& line) {
  if (!line.is_object() || has(line, "command")) return std::nullopt;
  if (has(line, "config_hash") && has(line, "result")) return LineKind::kSuite;
  if (has(line, "with") && has(line, "row")) return LineKind::kSample;
  if (has(line, "timestamp") && (has(line, "response_time_ns") || has(line, "error")))
    return LineKind::kMonitor;
  return std::nullopt;
}

/// Nothing for what is no JSON.
std::optional<Json> parse_line(std::string_view line, const std::string& where) {
  try {
    return parse_json(line, where);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string_view first_line(const std::string& bytes) {
  const size_t start = bytes.find_first_not_of(" \t\r\n");
  if (start == std::string::npos) return {};
  return std::string_view(bytes).substr(start, bytes.find('\n', start) - start);
}

struct Lines {
  std::vector<Json> of_use;  // all of one kind
  LineKind kind = LineKind::kMonitor;
  int64_t left_out = 0, first_left_out = 0;  // number of the line
};

Lines read_lines(const std::string& bytes, const std::string& file) {
  Lines lines;
  int64_t number = 0;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', begin), bytes.size());
    const std::string_view text = std::string_view(bytes).substr(begin, end - begin);
    begin = end + 1, ++number;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    std::optional<Json> line = parse_line(text, fmt::format("{}:{}", file, number));
    const std::optional<LineKind> kind = line ? kind_of(*line) : std::nullopt;
    if (kind && (lines.of_use.empty() || *kind == lines.kind)) {
      lines.kind = *kind;
      lines.of_use.push_back(std::move(*line));
    } else if (lines.left_out++ == 0) {
      lines.first_left_out = number;
    }
  }
  return lines;
}

/// The last line with a name replaces those before.
void keep(std::vector<std::pair<std::string, Json>>& named, std::string name, const Json& value) {
  for (auto& [other, kept] : named)
    if (other == name) {
      kept = value;
      return;
    }
  named.emplace_back(std::move(name), value);
}

Json list_of(const std::vector<std::pair<std::string, Json>>& named) {
  Json list = Json::array();
  for (const auto& [name, value] : named) list.push_back(value);
  return list;
}

/// Lines by what they were measured with, in the order of their first.
using Groups = std::vector<std::pair<Json, std::vector<Json>>>;

Groups by(const std::vector<Json>& lines, const char* key) {
  Groups groups;
  for (const Json& line : lines) {
    const auto at = std::find_if(groups.begin(), groups.end(),
                                 [&](const auto& group) { return group.first == line.at(key); });
    if (at != groups.end())
      at->second.push_back(line);
    else
      groups.emplace_back(line.at(key), std::vector<Json>(1, line));
  }
  return groups;
}

Json suites_document(const Json& hash, const std::vector<Json>& lines, const std::string& file) {
  std::vector<std::pair<std::string, Json>> suites;
  for (const Json& line : lines) {
    const Field result(line.at("result"), file, "result");
    keep(suites, result.at("suite").text(), line.at("result"));
  }
  return {{"schema_version", 1},
          {"command", "suites"},
          {"config", {{"config_hash", hash}}},
          {"suites", list_of(suites)}};
}

/// The policy that --kernel options make; as they are where this program does not know an op.
std::string policy_of(const Json& with) {
  KernelPolicy policy;
  std::string given;
  if (!has(with, "kernels") || !with.at("kernels").is_array()) return "default";
  try {
    for (const Json& choice : with.at("kernels")) {
      given += (given.empty() ? "" : ",") + (choice.is_string() ? choice.get<std::string>() : "?");
      policy.add(choice.is_string() ? choice.get<std::string>() : "");
    }
  } catch (const Error&) {
    return given;
  }
  return policy.to_string();
}

Json samples_document(const Json& with, const std::vector<Json>& lines, const std::string& file) {
  std::vector<std::pair<std::string, Json>> cases;
  for (const Json& line : lines) {
    const Field row(line.at("row"), file, "row");
    std::string name;
    for (const char* key : {"threads", "depth", "batch", "phase", "n_tokens"})
      name += row.at(key).json().dump() + " ";
    keep(cases, name, line.at("row"));
  }
  const auto said = [&](const char* key) { return has(with, key) ? with.at(key) : Json(nullptr); };
  Json config = with;
  if (config.is_object()) config["kernel_policy"] = policy_of(with);
  return {{"schema_version", 1},
          {"command", "bench"},
          {"environment",
           {{"tool", {{"version", said("version")}, {"program_hash", said("program_hash")}}},
            {"cpu", {{"model", said("cpu")}, {"isa", said("instruction_sets")}}}}},
          {"config", config},
          {"rows", list_of(cases)}};
}

}  // namespace

bool is_history(const std::string& bytes) {
  const std::string_view line = first_line(bytes);
  const std::optional<Json> json = line.empty() ? std::nullopt : parse_line(line, "line");
  return json && kind_of(*json);
}

std::vector<Document> read_history(const std::string& bytes, const std::string& file) {
  const Lines lines = read_lines(bytes, file);
  std::vector<Document> documents;
  if (lines.kind == LineKind::kMonitor) {
    const Json samples = lines.of_use;
    documents.push_back({file,
                         "monitor",
                         {{"schema_version", 1}, {"command", "monitor"}, {"samples", samples}},
                         {}});
  } else if (lines.kind == LineKind::kSuite) {
    for (const auto& [hash, group] : by(lines.of_use, "config_hash"))
      documents.push_back({file, "suites", suites_document(hash, group, file), {}});
  } else {
    for (const auto& [with, group] : by(lines.of_use, "with"))
      documents.push_back({file, "bench", samples_document(with, group, file), {}});
  }
  for (size_t i = 1; i < documents.size(); ++i)
    documents[i].file = fmt::format("{} (options {})", file, i + 1);
  if (lines.left_out)
    documents.front().notes.push_back(fmt::format(
        "{}: {} line{} left out that {} no result, the first is line {}", file, lines.left_out,
        lines.left_out == 1 ? "" : "s", lines.left_out == 1 ? "is" : "are", lines.first_left_out));
  return documents;
}

}  // namespace qwench::bench::report
