// The JSON Schemas of bench/schemas, and whether a document is as one of them says.
#pragma once
#include <set>
#include <string>

#include "engine/base/json.h"

namespace qwench::test {

/// False, and said aloud, where valijson was not there when the tests were built.
bool schemas_available();

/// Names of all files of bench/schemas: "bench" for bench.schema.json.
std::set<std::string> schema_names();

/// The schema and all that it refers to.
std::set<std::string> schemas_used_by(const std::string& name);

/// "", or where and why the document is not as the schema says. Error on a schema that is none.
std::string schema_violation(const Json& document, const std::string& name);

}  // namespace qwench::test
