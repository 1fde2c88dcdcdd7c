// Result files: JSON that a command of this program wrote, lines of it (histories, samples), the folder of a run
// of suites, or a report (JSON or HTML), which holds the results that it was made from.
#pragma once
#include <string>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench::report {

constexpr int kReportSchemaVersion = 1;

struct Document {
  std::string file;     // as given; inside a report: the name that it had there
  std::string command;  // "bench", "kernels", ...
  Json json;
  std::vector<std::string> notes = {};  // what of the file was left out
};

/// The results of all files, in order; those of a report, a history or a folder (its fullest result) in
/// its place. What is no result at all (other_files.h) is left out with a note, of the first result and
/// on stderr; Error where nothing else is there. Error naming file and key: no JSON, nested deeper than
/// 60 levels, an unknown `command`, another `schema_version`.
std::vector<Document> load_documents(const std::vector<std::string>& files);

/// The JSON text that an HTML report carries; Error unless there is exactly one.
std::string embedded_json(const std::string& html, const std::string& file);

/// How the element that holds it begins.
constexpr const char* kEmbeddedElement = "<script type=\"application/json\" id=\"qwench-report\">";

}  // namespace qwench::bench::report
