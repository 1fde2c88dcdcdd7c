// Word lists and one generator (splitmix64, so that no library's distribution is involved).
#include "bench/suites/synthetic_corpus.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

#include "engine/base/splitmix64.h"

namespace qwench::bench {

namespace {

constexpr std::array<std::string_view, 12> kSubjects = {
    "harbour", "orchard", "railway", "observatory", "clinic",  "library",
    "bakery",  "quarry",  "theatre", "reservoir",   "foundry", "archive"};
constexpr std::array<std::string_view, 12> kPeople = {"Ada",   "Boris", "Clara", "Dmitri",
                                                      "Elena", "Farid", "Greta", "Hugo",
                                                      "Ines",  "Jonas", "Katya", "Liam"};
constexpr std::array<std::string_view, 12> kVerbs = {
    "inspected", "repaired", "measured", "described", "sold",     "copied",
    "counted",   "moved",    "tested",   "drew",      "borrowed", "cleaned"};
constexpr std::array<std::string_view, 16> kThings = {
    "a copper valve", "the old ledger", "two lenses",  "a map",
    "the north wall", "a crate",        "the engine",  "a bell",
    "some letters",   "the pump",       "a glass jar", "the signal",
    "a long rope",    "the east gate",  "a clock",     "three boxes"};
constexpr std::array<std::string_view, 8> kAdverbs = {
    "slowly", "twice", "at night", "in the rain", "alone", "by hand", "for hours", "in spring"};
constexpr std::array<std::string_view, 6> kTasks = {
    "the largest of the numbers",          "how many lines a file has",
    "the words of a text in their order",  "whether two dates overlap",
    "the shortest path between two nodes", "the average without the outliers"};

constexpr size_t kNameAt = 6;  // "Report 1 on the x of Name."

class Chance {
 public:
  explicit Chance(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  uint64_t below(uint64_t n) { return next_splitmix64(state_) % n; }
  template <size_t N>
  std::string_view one_of(const std::array<std::string_view, N>& list) {
    return list[below(N)];
  }

 private:
  uint64_t state_;
};

/// A few of a list: what one document is about.
template <size_t N>
std::array<std::string_view, 3> few_of(Chance& chance,
                                       const std::array<std::string_view, N>& list) {
  return {chance.one_of(list), chance.one_of(list), chance.one_of(list)};
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

uint64_t hash_of(std::string_view word) {  // FNV-1a
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : word) hash = (hash ^ uint8_t(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace

std::string synthetic_document(uint64_t seed, int64_t words) {
  Chance chance(seed);
  const std::string_view subject = chance.one_of(kSubjects);
  // A name that no other document has: what a search can find it by.
  std::string name;
  for (int i = 0; i < 3; ++i) {
    name += "bdfgklmnprstvz"[chance.below(14)];
    name += "aeiou"[chance.below(5)];
  }
  name[0] = char(name[0] - 'a' + 'A');
  std::string text =
      fmt::format("Report {} on the {} of {}.", 1000 + chance.below(9000), subject, name);
  const auto people = few_of(chance, kPeople), verbs = few_of(chance, kVerbs),
             things = few_of(chance, kThings), adverbs = few_of(chance, kAdverbs);
  int64_t n = 7;
  while (n < words) {
    const std::string sentence =
        fmt::format(" {} {} {} {} and paid {} crowns in {}.", chance.one_of(people),
                    chance.one_of(verbs), chance.one_of(things), chance.one_of(adverbs),
                    1 + chance.below(900), 1800 + chance.below(200));
    text += sentence, n += std::count(sentence.begin(), sentence.end(), ' ');
    if (chance.below(3) != 0) continue;
    text += fmt::format(" The {} of {} was closed.", subject, name), n += 6;
  }
  return text;
}

std::string synthetic_function(uint64_t seed) {
  Chance chance(seed);
  return fmt::format("# Returns {}.\ndef f{}(values, limit={}):\n", chance.one_of(kTasks),
                     chance.below(1000), chance.below(100));
}

std::string synthetic_question(uint64_t seed, const std::string& document, int64_t words) {
  Chance chance(seed);
  const std::vector<std::string> all = words_of(document);
  std::string question = "What is known of";
  if (all.size() > kNameAt) question += " " + all[kNameAt];
  for (int64_t i = 1; i < words && !all.empty(); ++i)
    question += " " + all[chance.below(all.size())];
  return question + "?";
}

std::vector<int32_t> TextIds::encode(const std::string& text) const {
  std::vector<int32_t> ids;
  if (tokenizer_) {
    ids = tokenizer_->encode(text, false);
    // A tokenizer of another model would name rows that this one has not.
    for (int32_t& id : ids) id = int32_t(id % vocab_);
    return ids;
  }
  for (const std::string& word : words_of(text))
    ids.push_back(int32_t(hash_of(word) % uint64_t(vocab_)));
  return ids;
}

std::string TextIds::name() const {
  return tokenizer_ ? "of the model" : "one id a word, because the model has none";
}

}  // namespace qwench::bench
