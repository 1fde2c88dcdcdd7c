// valijson takes equal paths in two files for one, so that all schemas are put into one document, and their
// references are rewritten to point into it.
#include "tests/bench/schema_check.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <memory>

#include "engine/base/check.h"

#ifdef QWENCH_HAVE_VALIJSON
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>
#endif

namespace qwench::test {

namespace {

const std::string kEnding = ".schema.json";

/// Every schema by its name.
const std::map<std::string, Json>& schemas() {
  static const std::map<std::string, Json> all = [] {
    std::map<std::string, Json> found;
    for (const auto& entry :
         std::filesystem::directory_iterator(QWENCH_SOURCE_DIR "/bench/schemas")) {
      const std::string file = entry.path().filename().string();
      if (file.size() <= kEnding.size() || file.substr(file.size() - kEnding.size()) != kEnding)
        fail("bench/schemas: expected files *{}, got {}", kEnding, file);
      found[file.substr(0, file.size() - kEnding.size())] = parse_json_file(entry.path().string());
    }
    return found;
  }();
  return all;
}

/// "common.schema.json#/definitions/hash" -> {"common", "/definitions/hash"}; `here` where no file is named.
std::pair<std::string, std::string> target_of(const std::string& reference,
                                              const std::string& here) {
  const size_t hash = std::min(reference.find('#'), reference.size());
  const std::string file = reference.substr(0, hash);
  const std::string name = file.empty() ? here : file.substr(0, file.find(kEnding));
  if (!schemas().count(name)) fail("{}: expected a file of bench/schemas, got {}", here, file);
  return {name, hash < reference.size() ? reference.substr(hash + 1) : ""};
}

/// Calls `visit` with every value of a "$ref".
void each_reference(Json& json, const std::function<void(Json&)>& visit) {
  if (json.is_object() && json.contains("$ref")) visit(json["$ref"]);
  if (json.is_structured())
    for (Json& member : json) each_reference(member, visit);
}

}  // namespace

std::set<std::string> schema_names() {
  std::set<std::string> names;
  for (const auto& [name, schema] : schemas()) names.insert(name);
  return names;
}

std::set<std::string> schemas_used_by(const std::string& name) {
  std::set<std::string> used;
  std::vector<std::string> open = {name};
  while (!open.empty()) {
    const std::string next = open.back();
    open.pop_back();
    if (!used.insert(next).second) continue;
    Json schema = schemas().at(next);
    each_reference(schema, [&](const Json& reference) {
      open.push_back(target_of(reference.get<std::string>(), next).first);
    });
  }
  return used;
}

#ifdef QWENCH_HAVE_VALIJSON

namespace {

/// The schema `name` at the root, and every one under "files".
Json in_one_document(const std::string& name) {
  Json files = Json::object();
  for (const auto& [name_of_file, schema] : schemas()) {
    const std::string& file = name_of_file;
    files[file] = schema;
    each_reference(files[file], [&](Json& reference) {
      const auto [to, path] = target_of(reference.get<std::string>(), file);
      reference = "#/files/" + to + path;
    });
  }
  Json document = files.at(name);
  document["files"] = std::move(files);
  return document;
}

const valijson::Schema& compiled(const std::string& name) {
  static std::map<std::string, std::unique_ptr<valijson::Schema>> all;
  std::unique_ptr<valijson::Schema>& schema = all[name];
  if (schema) return *schema;
  const Json document = in_one_document(name);
  auto parsed = std::make_unique<valijson::Schema>();
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(document), *parsed);
  schema = std::move(parsed);
  return *schema;
}

}  // namespace

bool schemas_available() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  MESSAGE("skipped: documents are the same with sanitizers, and take minutes to make");
  return false;
#endif
#endif
  return true;
}

std::string schema_violation(const Json& document, const std::string& name) {
  constexpr size_t kMost = 12;  // an outer object repeats what its members say
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(compiled(name), valijson::adapters::NlohmannJsonAdapter(document),
                         &results))
    return {};
  std::string text;
  size_t n = 0;
  for (const auto& error : results) {
    if (n++ == kMost) break;
    for (const std::string& part : error.context) text += part;
    text += ": " + error.description + "\n";
  }
  return text.empty() ? "refused" : text;
}

#else

bool schemas_available() {
  MESSAGE("skipped: valijson (Debian: libvalijson-dev) was not there when the tests were built");
  return false;
}

std::string schema_violation(const Json&, const std::string&) { return "valijson is missing"; }

#endif

}  // namespace qwench::test
