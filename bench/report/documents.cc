// A document says what it is by `command` and `schema_version`; nothing is guessed from its members.
#include "bench/report/documents.h"

#include <algorithm>

#include "bench/report/field.h"
#include "bench/support/suggest.h"
#include "engine/check.h"
#include "engine/file.h"

namespace qwench::bench::report {

namespace {

constexpr int64_t kMaxBytes = int64_t(256) << 20;
constexpr int kMaxDepth = 64;
constexpr int64_t kMaxValues = 4 << 20;  // some 400 MB of memory
constexpr int kMaxResultDepth = 60;       // a report puts a result three levels deeper

struct Kind {
  const char* command;
  int schema_version;
};
constexpr Kind kKinds[] = {
    {"bench", 1},   {"kernels", 1}, {"compare", 1}, {"accuracy", 1},
    {"regress", 1}, {"suites", 1},  {"monitor", 1}, {"report", kReportSchemaVersion}};

const Kind& kind_of(const Field& root) {
  const std::string command = root.at("command").text();
  std::vector<std::string> known;
  for (const Kind& kind : kKinds) {
    if (command == kind.command) return kind;
    known.emplace_back(kind.command);
  }
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
  const Kind& kind = kind_of(root);
  check_schema(root, kind);
  if (std::string_view(kind.command) != "report" && depth_of(json) > kMaxResultDepth)
    fail("{}: nested deeper than {} levels", file, kMaxResultDepth);
  std::string command = kind.command;
  return {file, std::move(command), std::move(json)};
}

bool is_html(const std::string& bytes) {
  const size_t start = bytes.find_first_not_of(" \t\r\n");
  return start != std::string::npos && bytes[start] == '<';
}

Json parse_result(const std::string& file) {
  const std::string bytes = read_file(file, kMaxBytes);
  if (bytes.find_first_not_of(" \t\r\n") == std::string::npos)
    fail("{}: expected a result of qwench (JSON or HTML), got an empty file", file);
  const bool page = is_html(bytes);
  return parse_json(page ? embedded_json(bytes, file) : bytes, file,
                    {kMaxBytes, kMaxDepth, kMaxValues});
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

std::vector<Document> load_documents(const std::vector<std::string>& files) {
  std::vector<Document> documents;
  for (const std::string& file : files) {
    Document document = document_of(parse_result(file), file);
    if (document.command != "report") {
      documents.push_back(std::move(document));
      continue;
    }
    for (const Field& entry : Field(document.json, file).at("documents").items()) {
      const std::string name = entry.at("file").text();
      Document inner = document_of(entry.at("document").json(), name);
      if (inner.command == "report")
        entry.at("document").refuse("a result, not a report within a report");
      documents.push_back(std::move(inner));
    }
  }
  if (documents.empty())
    fail("{}: expected at least one result, got a report without any", files.front());
  return documents;
}

}  // namespace qwench::bench::report
