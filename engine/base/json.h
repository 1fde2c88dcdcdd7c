// The one door through which outside JSON enters: strict parsing, caps, and checked reads.
// nlohmann-json alone keeps the last of two equal keys, turns big integers into doubles and
// narrows silently; these functions throw Error instead.
#pragma once
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace qwench {

using Json = nlohmann::json;                 // parsed input: key lookup in log time
using OrderedJson = nlohmann::ordered_json;  // written output: keys in the order they are set

/// What a document may cost. The text of a value can be 2 bytes long and takes some 100 in memory, so
/// values are counted as well; the defaults, for configurations and results, bound that to 150 MB.
struct JsonLimits {
  int64_t max_bytes = 16 << 20;
  int max_depth = 64;
  int64_t max_values = 1 << 20;  // objects, arrays and what is in them
};

/// Parses one document. Error (prefixed with `where`, a file name or the like) on: size, depth or
/// number of values over the limits, duplicate key, invalid UTF-8, NUL or text after the end, a
/// number beyond double; one that says so on something else in its place (a Git LFS pointer, a web
/// page).
Json parse_json(std::string_view bytes, std::string_view where, const JsonLimits& limits = {});

/// Parses one object and hands over each member as soon as it is read, so that only one is in memory:
/// for documents too large to be held. max_values bounds one member. Errors as parse_json(), but that
/// keys of the outermost object may repeat: who takes the members must look.
using TakeMember = std::function<void(std::string name, const Json& value)>;
void parse_json_members(std::string_view bytes, std::string_view where, const JsonLimits& limits,
                        const TakeMember& take);

/// Reads and parses a file. Error on a larger one before it is read.
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

/// "'a', 'b' and 7 more": a list of any length for a message.
std::string name_list(const std::vector<std::string>& names);

/// What a value is, for "got ...": the number or (quoted) string itself, else "an object" or the
/// like.
std::string describe(const Json& value);

}  // namespace qwench
