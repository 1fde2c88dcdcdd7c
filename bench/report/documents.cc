// A document says what it is by `command` and `schema_version`; only what has neither, the guides'
// headline file and lines of histories, is known by its members.
#include "bench/report/documents.h"

#include <algorithm>
#include <filesystem>

#include "bench/report/field.h"
#include "bench/report/histories.h"
#include "bench/report/other_files.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "bench/support/suggest.h"
#include "engine/base/check.h"
#include "engine/base/file.h"

namespace qwench::bench::report {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxBytes = int64_t(256) << 20;
constexpr int kMaxDepth = 64;
constexpr int64_t kMaxValues = 4 << 20;  // some 400 MB of memory
constexpr int kMaxResultDepth = 60;      // a report puts a result three levels deeper

struct Kind {
  const char* command;
  int schema_version;
};
constexpr Kind kKinds[] = {
    {"bench", 1},   {"kernels", 1}, {"compare", 1}, {"accuracy", 1},
    {"regress", 1}, {"suites", 1},  {"monitor", 1}, {"report", kReportSchemaVersion}};

std::vector<std::string> known_commands() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.command);
  return names;
}

/// benchmark_results.json of suites has the form that the guides give it.
bool is_headline(const Json& json) {
  return json.is_object() && !has(json, "command") && has(json, "model_name") &&
         has(json, "hardware") && has(json, "throughput") && has(json, "latency") &&
         has(json, "memory");
}

const Kind& kind_of(const Field& root) {
  const std::string command = root.at("command").text();
  for (const Kind& kind : kKinds)
    if (command == kind.command) return kind;
  const std::vector<std::string> known = known_commands();
  const std::string near = nearest(command, known);
  fail("{}: command: expected one of {}, got {}{}", root.file(), fmt::join(known, ", "),
       in_quotes(command), near.empty() ? "" : "; did you mean " + near + "?");
}

void check_schema(const Field& root, const Kind& kind) {
  const int64_t schema = root.at("schema_version").integer();
  if (schema == kind.schema_version) return;
  fail(
      "{}: schema_version: expected {}, got {}; make the report with the program that wrote the "
      "file, "
      "or measure again with this one",
      root.file(), kind.schema_version, schema);
}

int depth_of(const Json& json) {
  int deepest = 0;
  if (json.is_structured())
    for (const Json& member : json) deepest = std::max(deepest, depth_of(member));
  return json.is_structured() ? deepest + 1 : 0;
}

Document document_of(Json json, const std::string& file) {
  const Field root(json, file);
  if (!json.is_object()) root.refuse("the JSON object of a result");
  if (is_headline(json) && depth_of(json) <= kMaxResultDepth)
    return {file, "headline", std::move(json), {}};
  const Kind& kind = kind_of(root);
  check_schema(root, kind);
  if (std::string_view(kind.command) != "report" && depth_of(json) > kMaxResultDepth)
    fail("{}: nested deeper than {} levels", file, kMaxResultDepth);
  std::string command = kind.command;
  return {file, std::move(command), std::move(json), {}};
}

bool is_html(const std::string& bytes) {
  const size_t start = bytes.find_first_not_of(" \t\r\n");
  return start != std::string::npos && bytes[start] == '<';
}

/// What `bench --benchmark-type` and `report --output` write into a folder, the fullest first.
constexpr const char* kInFolder[] = {"all_benchmark_results.json", "suites.jsonl",
                                     "benchmark_results.json"};

/// The result in a folder; any other path is itself.
std::string file_of(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  for (const char* name : kInFolder)
    if (fs::is_regular_file(fs::path(path) / name, ignored))
      return (fs::path(path) / name).string();
  std::string files;
  for (const auto& entry : fs::directory_iterator(path, ignored))
    if (entry.path().extension() == ".json")
      files = fmt::format("; for the results in it give {}/*.json", path);
  fail("{}: expected a folder that holds {}, got one without{}", path, fmt::join(kInFolder, ", "),
       files);
}

/// What a file holds.
struct Contents {
  std::vector<Document> documents;  // a report's own is one of them
  std::string other;                // in its place: what the file is, where it is no result
};

Contents parse_result(const std::string& file) {
  if (std::string other = other_form_of(file); !other.empty()) return {{}, std::move(other)};
  const std::string bytes = read_file(file, kMaxBytes);
  if (bytes.find_first_not_of(" \t\r\n") == std::string::npos)
    fail("{}: expected a result of qwench (JSON or HTML), got an empty file", file);
  if (is_history(bytes)) return {read_history(bytes, file), {}};
  const bool page = is_html(bytes);
  if (page && bytes.find(kEmbeddedElement) == std::string::npos)
    return {{}, "an HTML page that `qwench report --html` did not write"};
  Json json = parse_json(page ? embedded_json(bytes, file) : bytes, file,
                         {kMaxBytes, kMaxDepth, kMaxValues});
  if (!is_headline(json))
    if (std::string other = other_kind_of(json); !other.empty()) return {{}, std::move(other)};
  Contents contents;
  contents.documents.push_back(document_of(std::move(json), file));
  return contents;
}

/// The results that a report was made from.
void add_inner(const Document& report, std::vector<Document>& to) {
  for (const Field& entry : Field(report.json, report.file).at("documents").items()) {
    const std::string name = entry.at("file").text();
    Document inner = document_of(entry.at("document").json(), name);
    if (inner.command == "report")
      entry.at("document").refuse("a result, not a report within a report");
    to.push_back(std::move(inner));
  }
}

}  // namespace

std::string embedded_json(const std::string& html, const std::string& file) {
  const std::string begin = kEmbeddedElement;
  const size_t at = html.find(begin);
  const size_t end = at == std::string::npos ? at : html.find("</script>", at);
  if (end == std::string::npos || html.find(begin, end) != std::string::npos)
    fail(
        "{}: expected an HTML file that `qwench report --html` wrote, with one element {}, got "
        "another",
        file, begin);
  return html.substr(at + begin.size(), end - at - begin.size());
}

namespace {

/// What is given twice counts once.
std::vector<Document> without_repeated(std::vector<Document> all) {
  std::vector<Document> documents;
  for (Document& document : all) {
    const auto same = std::find_if(documents.begin(), documents.end(),
                                   [&](const Document& d) { return d.json == document.json; });
    if (same == documents.end())
      documents.push_back(std::move(document));
    else
      same->notes.push_back(
          fmt::format("{}: the same result as {}: counted once", document.file, same->file));
  }
  return documents;
}

}  // namespace

std::vector<Document> load_documents(const std::vector<std::string>& files) {
  std::vector<Document> documents;
  std::vector<std::string> left_out, others;
  for (const std::string& path : files) {
    const std::string file = file_of(path);
    Contents contents = parse_result(file);
    if (!contents.other.empty()) left_out.push_back(file), others.push_back(contents.other);
    for (Document& document : contents.documents) {
      if (document.command == "report")
        add_inner(document, documents);
      else
        documents.push_back(std::move(document));
    }
  }
  documents = without_repeated(std::move(documents));
  if (documents.empty() && !others.empty())
    fail("{}: expected a result of {}, got {}; give what one of these wrote with --output",
         left_out.front(), fmt::join(known_commands(), ", "), others.front());
  if (documents.empty())
    fail("{}: expected at least one result, got a report without any", files.front());
  for (size_t i = 0; i < others.size(); ++i) {
    documents.front().notes.push_back(
        fmt::format("{}: left out: {}", printable_text(without_home(left_out[i])), others[i]));
    note(documents.front().notes.back());
  }
  return documents;
}

}  // namespace qwench::bench::report
