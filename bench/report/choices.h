// The configurations that one may choose, and what all results say of each. A figure joins a
// configuration of another file only where everything that can change it is known to be equal; a failed
// check stays, whatever else passes.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/report/documents.h"
#include "bench/report/subject.h"

namespace qwench::bench::report {

/// How good a configuration was found. Figures over different texts are not comparable, nor are
/// divergences from different references.
struct QualityFigure {
  std::string text;      // equal: the same ids in the same windows
  std::string key;       // equal: the same reference, too
  std::string over;      // "heldout.txt, 256 tokens in windows of 64, against reference"
  bool of_text = false;  // not of random tokens
  std::optional<double> kl = {}, perplexity = {}, perplexity_ratio = {};
};

/// A case that was timed. Speeds of different cases are not comparable.
struct TimedCase {
  std::string name;  // "decode 16 tokens, batch 1"
  bool decode = false, in_turns = false;
  double batch = 1, depth = 0;  // of several cases the plainest is preferred
  size_t measurement = 0;       // of Collected::measurements
  std::optional<double> first_token_ms = {}, memory_bytes = {}, weight_bytes = {};
};

struct Choice {
  std::string name;
  Subject subject;
  size_t environment = 0;  // of Collected::environments, where it was timed
  std::vector<TimedCase> timed;
  std::vector<QualityFigure> quality;
  std::vector<std::string> failures;  // "accuracy.json: top1"
};

/// A configuration as one document names it.
struct Named {
  size_t source = 0;
  std::string key;    // in its document
  std::string given;  // as a person reads it there
  std::string mode;   // the same in the report: no other configuration or file has it
  Subject subject;
  bool timed = false;
  std::vector<size_t>
      choices;  // what is said of it holds for these: one, or several that differ in speed
};

class Choices {
 public:
  Choices() = default;
  /// Of all documents. `short_files`: names for people, one a document.
  Choices(const std::vector<Document>& documents, const std::vector<std::string>& short_files);

  std::vector<Choice> all;

  /// Of each document, which environment it was measured in.
  void place(const std::vector<size_t>& environments);

  /// Null where the document does not name it.
  const Named* find(size_t source, const std::string& key) const;
  /// Contract: it is named.
  const Named& at(size_t source, const std::string& key) const;
  /// What the report calls it; the key itself where the document does not name it.
  std::string mode(size_t source, const std::string& key) const;

  /// A timed case of a configuration that has one choice.
  void add(const Named& named, TimedCase timed);
  void add(const Named& named, const QualityFigure& figure);
  /// Said once each.
  void fail(const Named& named, const std::string& what);

  /// Why figures of other results are not in this row: "" where there is none that one would expect.
  std::string stands_apart(size_t choice) const;

 private:
  void join(const Named& named, std::vector<size_t>& to);
  void name_choices(const std::vector<std::string>& short_files);
  void name_modes(const std::vector<std::string>& short_files);

  std::vector<Named> named_;
};

/// The keys that documents name their rows by.
std::string bench_key(const Field& row);
constexpr const char* kSuitesKey = "suites";

}  // namespace qwench::bench::report
