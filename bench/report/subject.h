// What a figure is of: everything that can change it. Two results speak of the same configuration only
// where all of it is known and equal; a name proves nothing.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/report/field.h"

namespace qwench::bench::report {

/// What else would change if the trait did. What changes numbers changes speed as well.
enum class Changes : unsigned char { kNumbers, kSpeed };

struct Trait {
  std::string name;  // "damage"
  Changes changes = Changes::kNumbers;
  std::optional<std::string> value;  // compared; none: the file does not say
  std::string shown;                 // as people read it: "noise 0.15 in layer 2"
};

/// All subjects have the same traits in the same order.
struct Subject {
  std::string model, dtype, kv_dtype, policy, backend;  // "" where the file does not say
  std::vector<Trait> traits;
};

/// `configuration` is the part of the document that describes one; what it lacks is looked for in the
/// document's `config` and `environment`. Error on values of another kind.
Subject read_subject(const Field& configuration, const Field& root);

/// True where every trait that changes numbers is known and equal; with kSpeed every trait.
bool same(const Subject& a, const Subject& b, Changes changes);

/// Traits in which they differ, or of which one is not known.
std::vector<size_t> differing(const Subject& a, const Subject& b, Changes changes);

/// "damage: noise 0.15 in layer 2 here, none there; weights' hash: not known there".
std::string difference(const Subject& here, const Subject& there, Changes changes);

/// What a numeric result belongs to as one text, for comparisons across files; nothing where a trait is
/// not known.
std::optional<std::string> numbers_key(const Subject& subject);

/// "qwen3-0.6b q4_0, kv f16, linear=eigen": parts that are as always are left out.
std::string configuration_name(const Subject& subject);

}  // namespace qwench::bench::report
