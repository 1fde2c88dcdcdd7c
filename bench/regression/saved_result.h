// A result of `qwench bench` as a comparison needs it. Everything is read and checked here, so that nothing about
// a document is found out, or believed, while two of them are compared.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench {

/// Something besides code and case that changes what is measured: "dtype", "bf16".
struct Condition {
  std::string field, value;
};

/// The names of all conditions, as --across takes them.
std::vector<std::string> condition_fields();

/// Of the `environment` and `config` blocks of a result. Error naming `where` and the member that is missing or
/// of another type.
std::vector<Condition> conditions_of(const Json& document, const std::string& where);

/// One row.
struct SavedCase {
  std::string phase;
  int64_t n_tokens = 0, batch = 0, depth = 0, threads = 0;
  std::vector<double> tokens_per_second,
      first_token_ms;                           // > 0, a value a run; decode has no first token
  double memory_bytes = 0;                      // > 0: the peaks of all kinds
  std::optional<double> read_bytes_per_second;  // of the machine, between the runs
  std::string output_hash;                      // of the tokens computed; "": the row does not say
  int64_t contaminated_runs = 0;  // in which another program had a part of the machine

  bool same_case(const SavedCase& o) const;
  /// What makes its times doubtful: "the runs scatter by 31 % of their mean, 3 of 5 runs contaminated"; "": nothing.
  std::string flags() const;
  /// "prefill 512 tokens, batch 1, depth 0, 2 threads".
  std::string label() const;
};

struct SavedResult {
  std::string name;  // of the file, for messages
  std::vector<Condition> conditions;
  std::string version;              // "0.1.0 (commit 0123abc, g++ 12.2.0)"
  std::optional<double> fp32_peak;  // op/s, of the machine at that time
  bool interrupted = false;
  std::vector<SavedCase> cases;
};

/// Error naming `name` on a document that is no result of `qwench bench`, has another schema, speeds that are
/// none, rows that contradict its own `config`, or a case twice.
SavedResult read_saved_result(const Json& document, const std::string& name);

}  // namespace qwench::bench
