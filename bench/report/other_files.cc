// Only what has no `command` is known by its members: what has one is a result or a plan, or is refused.
#include "bench/report/other_files.h"

#include <algorithm>
#include <filesystem>

namespace qwench::bench::report {

namespace {

struct Kind {
  const char* members[3];  // all of them are there; null: no more
  const char* what;
};
constexpr Kind kKinds[] = {{{"traceEvents"}, "a trace (`--trace`); open it in ui.perfetto.dev"},
                           {{"bits_per_weight", "bytes_out", "tensors"}, "a report of `quantize`"},
                           {{"limits", "recommended", "candidates"}, "a prediction of `tune`"},
                           {{"preflight", "roofline"}, "a report of `doctor`"},
                           {{"config", "tensors"}, "a description of a model (`inspect`)"},
                           {{"model_type", "hidden_size"}, "the config.json of a model"}};

bool is_of(const Json& json, const Kind& kind) {
  return std::all_of(std::begin(kind.members), std::end(kind.members),
                     [&](const char* member) { return !member || json.contains(member); });
}

/// What `report --github-action` writes.
bool is_export(const Json& json) {
  return json.is_array() && !json.empty() && json[0].is_object() && json[0].contains("name") &&
         json[0].contains("unit") && json[0].contains("value");
}

}  // namespace

std::string other_kind_of(const Json& json) {
  if (is_export(json)) return "figures for github-action-benchmark; give the results themselves";
  if (!json.is_object()) return "JSON that is no object";
  if (json.contains("command")) {
    const bool planned = json.contains("plan") && !json.contains("suites");
    return planned ? "a plan (`--plan`): nothing was measured" : "";
  }
  for (const Kind& kind : kKinds)
    if (is_of(json, kind)) return kind.what;
  return "a JSON object without the key `command`, which every result of this program has";
}

std::string other_form_of(const std::string& file) {
  const std::string ending = std::filesystem::path(file).extension().string();
  for (const char* form : {".csv", ".md", ".png", ".svg", ".torn"})
    if (ending == form)
      return "a file for people or spreadsheets; give the JSON or HTML that was written with it";
  return {};
}

}  // namespace qwench::bench::report
