// Time: a text twice as long takes about twice as long, whatever it is made of. Processor time, and
// the best of several runs, since the machine does other things too.
#include <algorithm>
#include <ctime>

#include "tests/text/support.h"

namespace qwench::text_test {
namespace {

std::string repeat(const std::string& unit, size_t count) {
  std::string out;
  out.reserve(unit.size() * count);
  for (size_t i = 0; i < count; ++i) out += unit;
  return out;
}

double best_time(const Tokenizer& tokenizer, const std::string& text) {
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const std::clock_t begin = std::clock();
    CHECK_FALSE(tokenizer.encode(text).empty());
    best = std::min(best, double(std::clock() - begin) / CLOCKS_PER_SEC);
  }
  return best;
}

/// t(2n) / t(n) for texts of n and 2n units; tried again while another process may have disturbed
/// it.
double growth(const Tokenizer& tokenizer, const std::string& unit, size_t n) {
  const std::string once = repeat(unit, n), twice = repeat(unit, 2 * n);
  double best = 1e9;
  for (int i = 0; i < 8 && best >= 2.5; ++i)
    best = std::min(best, best_time(tokenizer, twice) / best_time(tokenizer, once));
  return best;
}

const std::pair<const char*, std::string> kRuns[] = {
    {"A", "A"},
    {"newline", "\n"},
    {"space", " "},
    {"dot", "."},
    {"CJK", "\xE4\xB8\xAD"},
    {"marks in falling class order", "\xCC\x81\xCC\xA3\xCC\xB8"},  // U+0301 U+0323 U+0338
    {"emoji joined by ZWJ", "\xF0\x9F\x91\xA9\xE2\x80\x8D"},
    {"apostrophe", "'"},
    {"start of an added token", "<|im_"},
    {"space and newline", " \n"},
    {"invalid bytes", "\xF0\x9F"},
};

TEST_CASE("T08: runs of one kind of character take linear time") {
  const auto tokenizer = open_tokenizer(data("tokenizer/small"));
  for (const auto& run : kRuns) {
    CAPTURE(std::string(run.first));
    CHECK(growth(*tokenizer, run.second, 100000) < 2.5);
  }
}

TEST_CASE("T08: 10^6 characters of one kind are encoded in seconds with the real vocabulary") {
  const std::string path = real_vocabulary();
  if (path.empty()) return;
  const auto tokenizer = open_tokenizer(path);
  for (const auto& [name, unit] : kRuns) {
    const std::string text = repeat(unit, 1000000);
    const double took = seconds([&] { CHECK_FALSE(tokenizer->encode(text).empty()); });
    MESSAGE("10^6 x " << std::string(name) << ": " << took << " s");
    CHECK(took < 30);
  }
}

TEST_CASE("T17: many pairs, merging and not, take linear time") {
  const auto tokenizer = open_tokenizer(data("tokenizer/small"));
  for (const char* unit : {"qz", "the", "ll", "hellotheworld", "qzqz qz"}) {
    CAPTURE(std::string(unit));
    CHECK(growth(*tokenizer, unit, 50000) < 2.5);
  }
}

}  // namespace
}  // namespace qwench::text_test
