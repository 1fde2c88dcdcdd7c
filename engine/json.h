// The one door through which outside JSON enters: strict parsing, caps, and checked reads.
// nlohmann-json alone keeps the last of two equal keys, turns big integers into doubles and
// narrows silently; these functions throw Error instead.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace qwench {

using Json = nlohmann::json;                 // parsed input: key lookup in log time
using OrderedJson = nlohmann::ordered_json;  // written output: keys in the order they are set

struct JsonLimits {
  int64_t max_bytes = 64 << 20;
  int max_depth = 64;
};

/// Parses one document. Error (prefixed with `where`, a file name or the like) on: size or depth
/// over the limits, duplicate key, invalid UTF-8, NUL or text after the end, a number beyond
/// double.
Json parse_json(std::string_view bytes, std::string_view where, const JsonLimits& limits = {});

/// Reads and parses a file.
Json parse_json_file(const std::string& path, const JsonLimits& limits = {});

/// object[key], an integer within [min, max]; Error naming `where` and key otherwise (missing,
/// wrong type, 1.0, out of range).
int64_t read_int(const Json& object, std::string_view key, int64_t min, int64_t max,
                 std::string_view where);
/// The same for a value that is no member (an array's element); `name` stands for it in the
/// message.
int64_t as_int(const Json& value, std::string_view name, int64_t min, int64_t max,
               std::string_view where);
/// object[key], a finite number in [min, max].
double read_number(const Json& object, std::string_view key, double min, double max,
                   std::string_view where);
bool read_bool(const Json& object, std::string_view key, bool fallback, std::string_view where);
std::string read_string(const Json& object, std::string_view key, std::string_view where);

/// True when the key is there and not null.
bool has(const Json& object, std::string_view key);

/// Text from outside made fit for a message: in quotes, printable ASCII, cut after 80 characters.
std::string in_quotes(std::string_view text);

/// What a value is, for "got ...": the number or (quoted) string itself, else "an object" or the
/// like.
std::string describe(const Json& value);

}  // namespace qwench
