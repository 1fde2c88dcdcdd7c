// Documents name their configurations first; rows follow from all of them together, whatever their
// order.
#include "bench/report/choices.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/check.h"

namespace qwench::bench::report {

namespace {

/// Its `name`; two of one document could not be told apart.
std::string own_name(const Field& c, size_t source, const std::vector<Named>& before) {
  const std::string name = c.at("name").text();
  for (const Named& named : before)
    if (named.source == source && named.key == name) c.at("name").refuse("a name of its own");
  return name;
}

void name_bench(const Field& root, size_t source, std::vector<Named>& to) {
  for (const Field& row : root.at("rows").items()) {
    const std::string key = bench_key(row);
    const bool known = std::any_of(
        to.begin(), to.end(), [&](const Named& n) { return n.source == source && n.key == key; });
    if (known) continue;
    Named named{source, key, {}, {}, read_subject(row, root), true, {}};
    named.given = configuration_name(named.subject);
    to.push_back(std::move(named));
  }
}

void name_compare(const Field& root, size_t source, std::vector<Named>& to) {
  for (const Field& c : root.at("configurations").items()) {
    const std::string name = own_name(c, source, to);
    to.push_back({source, name, name, {}, read_subject(c, root), true, {}});
  }
}

void name_accuracy(const Field& root, size_t source, std::vector<Named>& to) {
  const auto add = [&](const Field& c) {
    const std::string name = own_name(c, source, to);
    to.push_back({source, name, name, {}, read_subject(c, root), false, {}});
  };
  if (const auto reference = root.find("reference")) add(*reference);
  if (const auto candidates = root.find("candidates"))
    for (const Field& c : candidates->items()) add(c);
}

/// One configuration runs all suites; a journal does not say which.
void name_suites(const Field& root, size_t source, std::vector<Named>& to) {
  const std::optional<Field> config = root.find("config");
  if (!config || config->find_text("model").empty()) return;
  Named named{source, kSuitesKey, {}, {}, read_subject(*config, root), true, {}};
  named.given = configuration_name(named.subject);
  to.push_back(std::move(named));
}

bool of_source(const std::vector<Named>& named, size_t source, size_t choice) {
  return std::any_of(named.begin(), named.end(), [&](const Named& n) {
    return n.source == source &&
           std::find(n.choices.begin(), n.choices.end(), choice) != n.choices.end();
  });
}

bool same_types(const Subject& a, const Subject& b) {
  return a.model == b.model && a.dtype == b.dtype && a.kv_dtype == b.kv_dtype &&
         a.policy == b.policy;
}

}  // namespace

std::string bench_key(const Field& row) { return std::to_string(row.at("threads").integer()); }

Choices::Choices(const std::vector<Document>& documents,
                 const std::vector<std::string>& short_files) {
  constexpr std::pair<std::string_view, void (*)(const Field&, size_t, std::vector<Named>&)>
      kNaming[] = {{"bench", name_bench},
                   {"compare", name_compare},
                   {"accuracy", name_accuracy},
                   {"suites", name_suites}};
  for (size_t i = 0; i < documents.size(); ++i)
    for (const auto& [command, name] : kNaming)
      if (documents[i].command == command)
        name(Field(documents[i].json, documents[i].file), i, named_);
  // Those that were timed first: what is said of outputs holds for all speeds of a configuration.
  for (const bool timed : {true, false})
    for (Named& named : named_)
      if (named.timed == timed) join(named, named.choices);
  name_choices(short_files);
  name_modes(short_files);
}

void Choices::join(const Named& named, std::vector<size_t>& to) {
  for (size_t i = 0; i < all.size(); ++i) {
    const bool joins = named.timed ? to.empty() && !of_source(named_, named.source, i) &&
                                         same(all[i].subject, named.subject, Changes::kSpeed)
                                   : same(all[i].subject, named.subject, Changes::kNumbers);
    if (joins) to.push_back(i);
  }
  if (!to.empty()) return;
  to.push_back(all.size());
  all.emplace_back();
  all.back().subject = named.subject;
}

void Choices::place(const std::vector<size_t>& environments) {
  for (auto named = named_.rbegin(); named != named_.rend(); ++named)
    if (named->timed) all[named->choices[0]].environment = environments[named->source];
}

const Named* Choices::find(size_t source, const std::string& key) const {
  for (const Named& named : named_)
    if (named.source == source && named.key == key) return &named;
  return nullptr;
}

const Named& Choices::at(size_t source, const std::string& key) const {
  const Named* named = find(source, key);
  QWENCH_CHECK(named != nullptr);
  return *named;
}

std::string Choices::mode(size_t source, const std::string& key) const {
  const Named* named = find(source, key);
  return named ? named->mode : key;
}

void Choices::add(const Named& named, TimedCase timed) {
  QWENCH_CHECK(named.choices.size() == 1);
  all[named.choices[0]].timed.push_back(std::move(timed));
}

void Choices::add(const Named& named, const QualityFigure& figure) {
  for (const size_t i : named.choices) all[i].quality.push_back(figure);
}

void Choices::fail(const Named& named, const std::string& what) {
  for (const size_t i : named.choices) {
    std::vector<std::string>& list = all[i].failures;
    if (std::find(list.begin(), list.end(), what) == list.end()) list.push_back(what);
  }
}

std::string Choices::stands_apart(size_t choice) const {
  const Choice& own = all[choice];
  const Choice* nearest = nullptr;
  size_t least = 0;
  for (const Choice& other : all) {
    const bool has_more = (own.quality.empty() && !other.quality.empty()) ||
                          (own.timed.empty() && !other.timed.empty());
    const bool expected = other.name == own.name || same_types(own.subject, other.subject);
    if (&other == &own || !has_more || !expected) continue;
    const size_t n = differing(own.subject, other.subject, Changes::kNumbers).size();
    if (nearest && n >= least) continue;
    nearest = &other, least = n;
  }
  if (!nearest) return {};
  return fmt::format("{} of {} is not of this: {}", own.timed.empty() ? "the speed" : "the quality",
                     nearest->name, difference(own.subject, nearest->subject, Changes::kNumbers));
}

}  // namespace qwench::bench::report
