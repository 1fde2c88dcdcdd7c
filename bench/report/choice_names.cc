// Every file keeps the names that it gives. A configuration that several files name is called what the
// first name of a user's says; the other names stand behind it.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bench/report/choices.h"

namespace qwench::bench::report {

namespace {

using Groups = std::map<std::string, std::vector<size_t>>;

bool holds(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

/// What tells choices of one name apart: model and type, else known traits in which some of them
/// differ, two at most.
std::string telling(const std::vector<Choice>& all, const std::vector<size_t>& group, size_t of) {
  const Subject& subject = all[of].subject;
  const bool other_types = std::any_of(group.begin(), group.end(), [&](size_t other) {
    return all[other].subject.model != subject.model || all[other].subject.dtype != subject.dtype;
  });
  std::string text = other_types ? configuration_name(subject) : "";
  int said = other_types ? 2 : 0;
  const std::vector<Trait>& own = subject.traits;
  for (size_t t = 0; t < own.size() && said < 2; ++t) {
    if (!own[t].value) continue;
    const bool differs = std::any_of(group.begin(), group.end(), [&](size_t other) {
      const Trait& theirs = all[other].subject.traits[t];
      return theirs.value && *theirs.value != *own[t].value;
    });
    if (!differs) continue;
    text += (text.empty() ? "" : ", ") + own[t].shown;
    ++said;
  }
  return text;
}

/// The names that files give each choice: those of users before those that are made of its parts.
std::vector<std::vector<std::string>> given_names(const std::vector<Named>& named, size_t choices) {
  std::vector<std::vector<std::string>> names(choices);
  for (const bool made : {false, true})
    for (const Named& n : named)
      for (const size_t i : n.choices)
        if ((n.given == configuration_name(n.subject)) == made && !holds(names[i], n.given))
          names[i].push_back(n.given);
  return names;
}

/// "a (2 threads; base, qwench-tiny bf16)": few, for names stand in charts.
std::string with_parts(const std::string& name, const std::string& apart,
                       const std::vector<std::string>& names) {
  constexpr size_t kMost = 3;
  std::vector<std::string> others;
  for (const std::string& other : names)
    if (other != name && other != apart) others.push_back(other);
  const size_t left = others.size() > kMost ? others.size() - kMost : 0;
  others.resize(others.size() - left);
  std::string also = fmt::format("{}", fmt::join(others, ", "));
  if (left > 0) also += fmt::format(" and {} more", left);
  const bool told = !apart.empty() && apart != name;
  if (!told && also.empty()) return name;
  return fmt::format("{} ({}{}{})", name, told ? apart : "", told && !also.empty() ? "; " : "",
                     also);
}

Groups by_name(const std::vector<Choice>& all) {
  Groups groups;
  for (size_t i = 0; i < all.size(); ++i) groups[all[i].name].push_back(i);
  return groups;
}

}  // namespace

void Choices::name_choices(const std::vector<std::string>& short_files) {
  std::vector<size_t> first_source(all.size(), 0);
  for (auto named = named_.rbegin(); named != named_.rend(); ++named)
    for (const size_t i : named->choices) first_source[i] = named->source;
  const std::vector<std::vector<std::string>> names = given_names(named_, all.size());
  for (size_t i = 0; i < all.size(); ++i) all[i].name = names[i].front();
  for (const auto& [name, group] : by_name(all))
    for (const size_t i : group)
      all[i].name =
          with_parts(name, group.size() > 1 ? telling(all, group, i) : std::string(), names[i]);
  for (const auto& [name, group] : by_name(all))
    for (const size_t i : group)
      if (group.size() > 1) all[i].name += " [" + short_files[first_source[i]] + "]";
  for (const auto& [name, group] : by_name(all))
    for (size_t k = 1; k < group.size(); ++k) all[group[k]].name += fmt::format(" #{}", k + 1);
}

void Choices::name_modes(const std::vector<std::string>& short_files) {
  std::map<std::string, std::vector<size_t>> of_name;  // the choices that are called so
  for (const Named& named : named_)
    for (const size_t i : named.choices) {
      std::vector<size_t>& choices = of_name[named.given];
      if (std::find(choices.begin(), choices.end(), i) == choices.end()) choices.push_back(i);
    }
  for (Named& named : named_) {
    named.mode = named.given;
    if (named.choices.size() != 1) continue;
    const std::string apart = telling(all, of_name[named.given], named.choices[0]);
    if (!apart.empty() && apart != named.given) named.mode += " (" + apart + ")";
  }
  std::vector<bool> elsewhere;
  for (const Named& named : named_)
    elsewhere.push_back(std::any_of(named_.begin(), named_.end(), [&](const Named& other) {
      const bool together = other.choices == named.choices && other.timed != named.timed;
      return other.mode == named.mode && other.source != named.source && !together;
    }));
  for (size_t i = 0; i < named_.size(); ++i)
    if (elsewhere[i] || named_[i].choices.size() != 1)
      named_[i].mode += " [" + short_files[named_[i].source] + "]";
}

}  // namespace qwench::bench::report
