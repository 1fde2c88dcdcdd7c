// A result of `qwench accuracy` while it is read: whose figures they are, and what failed.
#pragma once
#include <fmt/format.h>

#include <string>

#include "bench/report/collected.h"

namespace qwench::bench::report {

/// The document in progress; its parts are read one after the other.
struct Accuracy {
  size_t source;
  Collected& to;
  std::string file;       // for people
  QualityFigure text;     // without figures: which text, against what
  size_t first_quality;   // row of the table that is the document's own
  int64_t failed = 0;     // verdicts so far
  std::string part = {};  // "1 of 19 windows" of one that was interrupted, else ""

  const Named& named(const Field& c) const { return to.choices.at(source, c.at("name").text()); }
  std::string mode(const Field& row, const char* key) const {
    return to.choices.mode(source, row.at(key).text());
  }
  /// The word of a verdict of this document.
  const char* verdict(bool pass) {
    failed += !pass;
    return pass ? "pass" : "fail";
  }
  /// The same of what the whole text decides.
  std::string text_verdict(bool pass) {
    const char* word = verdict(pass);
    return pass && !part.empty() ? fmt::format("{} on {}", word, part) : word;
  }
  /// A failed check of a configuration of this document.
  void fail(const std::string& name, const std::string& what) const {
    if (const Named* n = to.choices.find(source, name))
      to.choices.fail(*n, fmt::format("{} ({})", what, file));
  }
};

/// Whichever there are.
void read_tasks(const Field& root, Accuracy& a);
void read_gradients(const Field& root, Accuracy& a);
void read_golden(const Field& root, Accuracy& a);

}  // namespace qwench::bench::report
